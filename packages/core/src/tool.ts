import type { Kind } from './call.ts';
import { policiesOf } from './call-options.ts';
import type { Context } from './context.ts';
import { describe } from './describe.ts';
import { ConfigError } from './errors/config-error.ts';
import { checkKind } from './kinds.ts';
import type { Hinted, Hints } from './pipeline-types.ts';
import { readPlain } from './plain-object.ts';
import { type Policies, RESERVED, writtenPolicies } from './policies.ts';
import { Problems } from './problems.ts';
import type { ItemOf, LastOf, ResultOf } from './result.ts';
import { isStandardSchema, type SchemaInput, type SchemaOutput, type StandardSchema } from './standard-schema.ts';
import type { Target } from './target.ts';

/** What a tool is made with, beside the policies of plugins. */
export interface ToolOptions extends Policies {
  /** What it does, for people and for models. */
  readonly description?: string | undefined;
  /** A label that policies can address. */
  readonly kind?: Kind | undefined;
  /** False when it must not be repeated; true unless set. */
  readonly idempotent?: boolean | undefined;
}

/** The options of a tool with its schemas: `I` for its input, `O` for what it returns, or for each item that it emits. */
export interface ToolSchemas<I, O, C> {
  /** What it accepts; anything unless set. */
  readonly input?: I;
  /** What it must return, or emit. */
  readonly output?: O;
  /** What a stream amounts to: the array of its items (the default), or its last item. */
  readonly collect?: C;
}

declare const TYPES: unique symbol;

/** Named work with a validated input. Immutable; made by {@link tool}. */
export interface Tool<Input = unknown, Output = unknown, Item = unknown> {
  readonly name: string;
  readonly description: string | undefined;
  readonly kind: Kind | undefined;
  readonly idempotent: boolean;
  /** The schema of its input, for whoever shows tools to a model. */
  readonly input: StandardSchema | undefined;
  readonly output: StandardSchema | undefined;
  /** For the type checker only. */
  readonly [TYPES]?: { readonly input: (input: Input) => void; readonly output: Output; readonly item: Item };
}

/** Any tool, whatever it takes and returns. */
export type AnyTool = Tool<never, unknown, unknown>;

/** What a tool takes. */
export type ToolInput<T extends AnyTool> = T extends Tool<infer Input, unknown, unknown> ? Input : never;

/** What a call of a tool resolves to. */
export type ToolOutput<T extends AnyTool> = T extends Tool<never, infer Output, unknown> ? Output : never;

/** What a tool emits. */
export type ToolItem<T extends AnyTool> = T extends Tool<never, unknown, infer Item> ? Item : never;

type Returned<R, O, C> = O extends StandardSchema
  ? R extends PromiseLike<unknown>
    ? SchemaOutput<O>
    : R extends AsyncIterable<unknown> | { subscribe(...args: never): unknown }
      ? C extends 'last'
        ? SchemaOutput<O> | undefined
        : SchemaOutput<O>[]
      : SchemaOutput<O>
  : C extends 'last'
    ? LastOf<R>
    : ResultOf<R>;

type Emitted<R, O> = O extends StandardSchema ? SchemaOutput<O> : ItemOf<R>;

const OWN: readonly string[] = ['description', 'kind', 'idempotent', 'input', 'output', 'collect'];
const targets = new WeakMap<object, Target>();

/**
 * Makes a tool: named work with a validated input, to be called by stages, by other tools, or alone. Its input is checked before
 * anything else happens; what does not fit is an `INVALID_INPUT`, and the work does not run.
 *
 * Schemas are of any library that speaks Standard Schema: Zod, Valibot, ArkType and others.
 *
 * @example
 * ```ts
 * import { createRunner, tool } from '@sluice/core';
 *
 * const greet = tool('greet', {}, async (input: { name: string }) => `Hello, ${input.name}!`);
 * const runner = createRunner();
 * console.assert((await runner.call(greet, { name: 'Ada' })) === 'Hello, Ada!');
 * ```
 *
 * @see {@link toolRegistry} to find tools by name
 */
export function tool<
  I extends StandardSchema,
  R,
  O extends StandardSchema | undefined = undefined,
  C extends 'all' | 'last' = 'all',
  const H = never,
>(
  name: string,
  options: ToolOptions & ToolSchemas<I, O, C> & Hints<H> & { readonly input: I },
  work: (input: SchemaOutput<I>, context: Context) => R,
): Tool<SchemaInput<I>, Hinted<Returned<R, O, C>, H>, Emitted<R, O>>;
export function tool<
  I,
  R,
  O extends StandardSchema | undefined = undefined,
  C extends 'all' | 'last' = 'all',
  const H = never,
>(
  name: string,
  options: ToolOptions & ToolSchemas<undefined, O, C> & Hints<H>,
  work: (input: I, context: Context) => R,
): Tool<I, Hinted<Returned<R, O, C>, H>, Emitted<R, O>>;
export function tool(
  name: string,
  options: ToolOptions & ToolSchemas<StandardSchema | undefined, unknown, 'all' | 'last'>,
  work: (input: never, context: Context) => unknown,
): AnyTool {
  const given = check(name, options, work);
  const { description, kind, idempotent = true, input, collect = 'all' } = given;
  const output = given.output as StandardSchema | undefined;
  const made: AnyTool = Object.freeze({ name, description, kind, idempotent, input, output });
  const run = work as (input: unknown, context: Context) => unknown;
  targets.set(made, {
    target: 'tool',
    name,
    kind,
    policies: writtenPolicies('tool', `tool "${name}": `, policiesOf(given, OWN)),
    idempotent,
    collect,
    inputSchema: input,
    outputSchema: output,
    start: (execution) => run(execution.call.root.input, execution.context),
  });
  return made;
}

/** What core knows of a tool. */
export function toolTarget(made: AnyTool): Target {
  const target = isTool(made) ? targets.get(made) : undefined;
  if (target === undefined) throw new ConfigError(`tool: expected a tool made by tool(), got ${describe(made)}`);
  return target;
}

/** True for what {@link tool} has made. */
export function isTool(value: unknown): value is AnyTool {
  return typeof value === 'object' && value !== null && targets.has(value);
}

/** Checks what a tool is made of; answers its options, each read once. */
function check(
  name: unknown,
  options: unknown,
  work: unknown,
): ToolOptions & ToolSchemas<StandardSchema | undefined, unknown, 'all' | 'last'> {
  const problems = new Problems();
  if (typeof name !== 'string' || name.trim() === '') problems.add('tool.name', 'a name', name);
  const path = `tool ${describe(typeof name === 'string' ? name : '?')}`;
  const given = readPlain(options, `${path}: options`, problems) ?? {};
  checkOptions(given, path, problems);
  if (typeof work !== 'function') problems.add(`${path}: work`, 'a function (input, context) => result', work);
  problems.throwIfAny();
  return given;
}

function checkOptions(options: Partial<Record<string, unknown>>, path: string, problems: Problems): void {
  const { kind, idempotent, input, output, collect, description } = options;
  checkKind(kind, `${path}: kind`, problems);
  if (idempotent !== undefined && typeof idempotent !== 'boolean')
    problems.add(`${path}: idempotent`, 'true or false', idempotent);
  if (description !== undefined && typeof description !== 'string')
    problems.add(`${path}: description`, 'a text', description);
  if (collect !== undefined && collect !== 'all' && collect !== 'last')
    problems.add(`${path}: collect`, "'all' or 'last'", collect);
  problems.misspeltKeys(options, OWN, `${path}: `);
  for (const key of Object.keys(options)) {
    if (RESERVED.has(key) && !OWN.includes(key)) problems.say(`${path}: ${key}`, 'is no option of a tool');
  }
  for (const [key, schema] of Object.entries({ input, output })) {
    if (schema !== undefined && !isStandardSchema(schema)) problems.add(`${path}: ${key}`, 'a Standard Schema', schema);
  }
}
