import { ConfigError, type ConfigIssue, isConfigError } from './errors/config-error.ts';
import { checkInterceptor, type Plugin } from './interceptor.ts';
import { messageOf } from './message-of.ts';
import { plainData } from './plain-data.ts';
import { isList, readPlain } from './plain-object.ts';
import { Problems } from './problems.ts';
import { type Stack, type StackOptions, stack } from './stack.ts';
import type { StandardSchema } from './standard-schema.ts';

/** A JSON Schema, as data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a plugin package exports, as far as configuration is concerned: a factory, and if it likes a schema of its options. */
export interface PluginFactory {
  /** Each factory knows what it takes, and checks it. */
  (options?: never): Plugin;
  /** What it takes, for editors and for whoever writes configurations. */
  readonly schema?: JsonSchema | undefined;
}

/** Plugins by the name under which a configuration speaks of them. */
export type PluginFactories = Readonly<Record<string, PluginFactory>>;

/** A stack as data. */
export interface StackData {
  /**
   * The options of each plugin, by name; `true` for its defaults, `false` or `'none'` to leave it out. A list makes more than one of
   * the same kind.
   */
  readonly interceptors: Readonly<Record<string, unknown>>;
  /** Codes of findings of the order check that are as they should be. */
  readonly acknowledge?: readonly string[] | undefined;
}

/**
 * Makes a stack from data: a file, an environment, a database. The plugins check their options themselves; all that is wrong comes in
 * one {@link ConfigError}, each with its path, what was found, and what is allowed. Data from outside stays data: keys such as
 * `__proto__`, functions, and what is too deep or too much are refused.
 *
 * @example
 * ```ts
 * import { defineInterceptor, defineStack, Place, within } from '@sluice/core';
 *
 * const patience = ({ limit = 1_000 }: { limit?: number } = {}) =>
 *   defineInterceptor({
 *     name: 'patience',
 *     priority: Place.total,
 *     intercept: (call, next) => within(call, { limit, name: 'total' }, next),
 *   });
 * const made = defineStack({ patience }, JSON.parse('{ "interceptors": { "patience": { "limit": 50 } } }'));
 * console.assert(made.interceptors.length === 1);
 * ```
 *
 * @see {@link stackSchema} for a schema of such data
 */
export function defineStack(
  plugins: PluginFactories,
  data: StackData,
  options: Pick<StackOptions, 'clock'> = {},
): Stack {
  const problems = new Problems();
  const made = readStack(plugins, data, problems);
  const given = readPlain(options, 'defineStack: options', problems) ?? {};
  problems.unknownKeys(given, ['clock'], 'defineStack: options');
  problems.throwIfAny();
  const { clock } = given as Pick<StackOptions, 'clock'>;
  return stack(made.plugins, { clock, acknowledge: made.acknowledge });
}

/**
 * A schema of the data that {@link defineStack} takes with these plugins: a Standard Schema, whose value is the stack, and a JSON
 * Schema for editors.
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place, stackSchema } from '@sluice/core';
 *
 * const log = () => defineInterceptor({ name: 'log', priority: Place.observe, intercept: (call, next) => next(call) });
 * const schema = stackSchema({ log });
 * const result = await schema['~standard'].validate({ interceptors: { lgo: true } });
 * console.assert(result.issues?.[0]?.message.includes('did you mean "log"?') === true);
 * console.assert(JSON.stringify(schema.jsonSchema).includes('"log"'));
 * ```
 */
export function stackSchema(
  plugins: PluginFactories,
): StandardSchema<StackData, Stack> & { readonly jsonSchema: JsonSchema } {
  const problems = new Problems();
  const factories = readPlain(plugins, 'plugins', problems, PLUGINS) ?? {};
  problems.throwIfAny();
  return {
    jsonSchema: jsonSchemaOf(factories),
    '~standard': {
      version: 1,
      vendor: 'sluice',
      validate(value) {
        try {
          return { value: defineStack(plugins, value as StackData) };
        } catch (error) {
          if (!isConfigError(error)) throw error;
          return { issues: error.issues.map(({ path, message }) => ({ message, path: keysOf(path) })) };
        }
      },
    },
  };
}

const PLUGINS = 'a plain object of plugin factories by name';

function readStack(
  plugins: PluginFactories,
  given: unknown,
  problems: Problems,
): { plugins: Plugin[]; acknowledge: readonly string[] } {
  const factories = readPlain(plugins, 'plugins', problems, PLUGINS) ?? {};
  const data = plainData(given, 'configuration', problems);
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    if (problems.count === 0) problems.add('configuration', 'an object { interceptors }', given);
    return { plugins: [], acknowledge: [] };
  }
  problems.unknownKeys(data, ['interceptors', 'acknowledge'], '');
  const { interceptors, acknowledge = [] } = data as Partial<Record<string, unknown>>;
  const codes = Array.isArray(acknowledge) && acknowledge.every((code) => typeof code === 'string');
  if (!codes) problems.add('acknowledge', 'a list of codes', acknowledge);
  if (typeof interceptors !== 'object' || interceptors === null || Array.isArray(interceptors)) {
    // What was refused has been told.
    if (problems.count === 0) problems.add('interceptors', 'an object with the options of each plugin', interceptors);
    return { plugins: [], acknowledge: [] };
  }
  problems.unknownKeys(interceptors, Object.keys(factories), 'interceptors');
  const made = Object.entries(interceptors).flatMap(([name, options]) => {
    return Object.hasOwn(factories, name) ? make(name, factories[name], options, problems) : [];
  });
  return { plugins: made, acknowledge: codes ? (acknowledge as string[]) : [] };
}

function make(name: string, factory: unknown, options: unknown, problems: Problems): Plugin[] {
  const path = `interceptors.${name}`;
  if (typeof factory !== 'function') {
    problems.add(`plugins.${name}`, 'a factory of a plugin', factory);
    return [];
  }
  const list = Array.isArray(options)
    ? options.map((one, index) => [one, `${path}[${index}]`] as const)
    : [[options, path] as const];
  return list.flatMap(([one, at]) => {
    if (one === false || one === 'none') return [];
    if (one === null) {
      problems.add(at, "options, true, false or 'none'", one);
      return [];
    }
    return makeOne(name, factory as PluginFactory, one, at, problems);
  });
}

function makeOne(name: string, factory: PluginFactory, options: unknown, at: string, problems: Problems): Plugin[] {
  let made: Plugin;
  try {
    made = options === true ? factory() : factory(options as never);
  } catch (error) {
    if (isConfigError(error)) {
      problems.join(new ConfigError(error.issues.map((issue) => placed(issue, factory.name, name, at))));
    } else {
      problems.say(at, `the plugin threw: ${messageOf(error)}`);
    }
    return [];
  }
  const members: readonly unknown[] = isList(made) ? made : [made];
  const before = problems.count;
  for (const member of members) checkInterceptor(member, at, problems);
  return problems.count === before ? [made] : [];
}

/** A plugin names its options by its own name; here they stand where the data has them. */
function placed(issue: ConfigIssue, own: string, key: string, at: string): ConfigIssue {
  const { path, message } = issue;
  const root = [own, key].find(
    (name) => name !== '' && (path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`)),
  );
  const inside = root === undefined ? (path === '' ? '' : `.${path}`) : path.slice(root.length);
  const moved = `${at}${inside}`;
  const said = path !== '' && message.startsWith(path) ? message.slice(path.length) : `: ${message}`;
  return { ...issue, path: moved, message: `${moved}${said}` };
}

/** `a.b[0]` as the keys along it. */
function keysOf(path: string): PropertyKey[] {
  if (path === 'configuration') return [];
  return path
    .split(/[.[\]]+/)
    .filter((key) => key !== '')
    .map((key) => (/^\d+$/.test(key) ? Number(key) : key));
}

/** What may stand in place of a plugin's options. */
function anyOf(schema: JsonSchema): readonly JsonSchema[] {
  return [schema, { type: 'boolean' }, { const: 'none' }];
}

function jsonSchemaOf(plugins: Readonly<Record<string, unknown>>): JsonSchema {
  const properties = Object.fromEntries(
    Object.entries(plugins)
      .map(([name, factory]) => [name, (factory as PluginFactory | undefined)?.schema ?? {}] as const)
      .map(([name, schema]) => [
        name,
        { anyOf: [...anyOf(schema), { type: 'array', items: { anyOf: anyOf(schema) } }] },
      ]),
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    required: ['interceptors'],
    additionalProperties: false,
    properties: {
      interceptors: { type: 'object', additionalProperties: false, properties },
      acknowledge: { type: 'array', items: { type: 'string' } },
    },
  };
}
