// Questions to the api. Each answer is JSON; an error has its text for the reader.

export class ApiError extends Error {
  constructor(status, message, body = {}) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

// The query of a URL: without what is empty, but with a campaign whose name is empty.
export function query(parameters) {
  const pairs = Object.entries(parameters).filter(([name, value]) => value !== null && value !== undefined
    && (value !== "" || name === "campaign"));
  const text = new URLSearchParams(pairs).toString();
  return text === "" ? "" : `?${text}`;
}

// A part of a path. A browser takes "." and ".." for steps, also if they are escaped.
export function segment(text) {
  if (text === "." || text === "..") throw new ApiError(400, `"${text}" cannot be asked for here; use a command of dlrd`);
  return encodeURIComponent(text);
}

async function read(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { Accept: "application/json", ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "dlrd does not answer; is the daemon running, and the network up?");
  }
  const type = response.headers.get("Content-Type") ?? "";
  const body = type.startsWith("application/json") ? await response.json() : await response.text();
  if (!response.ok) throw new ApiError(response.status, body.error ?? `the answer is ${response.status}`, body);
  return body;
}

export function get(path, parameters = {}, signal = undefined) {
  return read(path + query(parameters), { signal });
}

// headers: a token, or the text with which the page acts (session.js).
export function post(path, headers) {
  return read(path, { method: "POST", headers });
}

// As get; but {refused: why} if a parameter is wrong or names what there is not, so that it can be changed.
export async function ask(path, parameters, signal) {
  try {
    return await get(path, parameters, signal);
  } catch (error) {
    if (![400, 404, 409].includes(error.status)) throw error;
    return { refused: error.message, status: error.status, candidates: error.body.candidates ?? [] };
  }
}

// The same answer, or {error} in place of a part that cannot be read, so that the others are shown.
export function part(answer) {
  return answer.catch((error) => {
    if (!(error instanceof ApiError) || error.status === 401) throw error;
    return { error: error.message };
  });
}

const questions = new Map();

// The columns and parameters of a question, which do not change while the page is open.
export function question(path) {
  if (!questions.has(path)) {
    const answer = get("v1/questions", { path }).then((body) => body.questions[0]);
    answer.catch(() => questions.delete(path));
    questions.set(path, answer);
  }
  return questions.get(path);
}
