// The text of /metrics (Prometheus' format) as a Map: name to [{labels, value}].

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function labelsOf(text) {
  return Object.fromEntries([...text.matchAll(LABEL)].map(([, name, value]) =>
    [name, value.replace(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter))]));
}

export function parse(text) {
  const families = new Map();
  for (const [, name, labels, value] of text.split("\n").map((line) => LINE.exec(line)).filter(Boolean)) {
    if (!families.has(name)) families.set(name, []);
    families.get(name).push({ labels: labelsOf(labels ?? ""), value: value === "+Inf" ? Infinity : Number(value) });
  }
  return families;
}

// The sum of the series with these labels; null: there are none.
export function sum(families, name, labels = {}) {
  const series = (families.get(name) ?? []).filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value));
  return series.length === 0 ? null : series.reduce((total, one) => total + one.value, 0);
}

// [{le, count}] of a histogram, without what an earlier text had.
export function buckets(families, name, earlier = null) {
  const before = earlier?.get(`${name}_bucket`) ?? [];
  return (families.get(`${name}_bucket`) ?? []).map(({ labels, value }, i) =>
    ({ le: labels.le === "+Inf" ? Infinity : Number(labels.le), count: value - (before[i]?.value ?? 0) }));
}

// Estimated as Prometheus' histogram_quantile does; null: there are no observations.
export function quantile(share, histogram) {
  const rank = share * (histogram.at(-1)?.count ?? 0);
  if (rank <= 0) return null;
  const i = histogram.findIndex(({ count }) => count >= rank);
  const below = i > 0 ? histogram[i - 1] : { le: 0, count: 0 };
  if (histogram[i].le === Infinity) return below.le;
  return below.le + (histogram[i].le - below.le) * (rank - below.count) / (histogram[i].count - below.count);
}
