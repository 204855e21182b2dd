/**
 * The interface that validation libraries share (Zod, Valibot, ArkType and others): version 1 of Standard Schema, as far as
 * core needs it.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a validation answers: the value, or the issues. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One thing that does not fit. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** What a schema accepts. */
export type SchemaInput<S> = S extends StandardSchema<infer Input, unknown> ? Input : never;

/** What a schema yields. */
export type SchemaOutput<S> = S extends StandardSchema<unknown, infer Output> ? Output : never;

/** An issue as Sluice reports it: the path as text, `''` for the value itself. */
export interface SchemaIssue {
  readonly path: string;
  readonly message: string;
}

/** Turns a library's issues into plain data. */
export function plainIssues(issues: readonly StandardIssue[]): SchemaIssue[] {
  return issues.map(({ message, path = [] }) => ({
    message: String(message),
    path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
  }));
}

/** The issues in one line: `q: expected a string; limit: too large`. */
export function issuesText(issues: readonly SchemaIssue[]): string {
  return issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
}

/** True for anything that carries the interface; some libraries' schemas are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  try {
    const standard = (value as Partial<StandardSchema>)['~standard'];
    return typeof standard === 'object' && standard !== null && typeof standard.validate === 'function';
  } catch {
    return false;
  }
}
