// Asks the api with the types that openapi-typescript made of its description: ./api.d.ts.
import type { components, paths } from "./api";

type Path = { [P in keyof paths]: paths[P] extends { get: unknown } ? P : never }[keyof paths];
type Get<P extends Path> = paths[P] extends { get: infer Operation } ? Operation : never;
type Parameters<P extends Path> =
  Get<P> extends { parameters: infer Found extends { path?: unknown; query?: unknown } }
    ? Pick<Found, "path" | "query">
    : never;
type Answer<P extends Path> =
  Get<P> extends { responses: { 200: { content: { "application/json": infer Body } } } }
    ? Body
    : never;

export declare function get<P extends Path>(path: P, parameters: Parameters<P>): Promise<Answer<P>>;

export type Schemas = components["schemas"];
