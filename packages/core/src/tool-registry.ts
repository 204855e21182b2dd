import { describe } from './describe.ts';
import { ConfigError } from './errors/config-error.ts';
import { InvalidInputError } from './errors/invalid-input-error.ts';
import { UnknownToolError } from './errors/unknown-tool-error.ts';
import { nearest } from './nearest.ts';
import { type AnyTool, isTool, type Tool } from './tool.ts';

/** A call as a model asks for it: the name of a tool, and its arguments as JSON text or as a value. */
export interface ToolCallRequest {
  readonly name: string;
  readonly arguments?: unknown;
}

/** A set of tools, found by name. */
export interface ToolRegistry {
  /** The tool of that name. Throws an {@link UnknownToolError} that names the nearest one. */
  get(name: string): Tool;
  /** Whether there is one of that name. */
  has(name: string): boolean;
  /** All names, in the order in which the tools were given. */
  names(): string[];
  /**
   * Turns what a model asks for into a tool and its input. An unknown name is an `UNKNOWN_TOOL`; arguments that are no JSON are an
   * `INVALID_INPUT`. Whether the input fits the tool's schema is checked when it is called.
   */
  resolve(request: ToolCallRequest): { readonly tool: Tool; readonly input: unknown };
}

/**
 * Makes a registry of tools, for whoever gets names from outside: an agent's loop, an HTTP handler, an MCP server.
 *
 * @example
 * ```ts
 * import { createRunner, tool, toolRegistry } from '@sluice/core';
 *
 * const add = tool('add', {}, ({ a, b }: { a: number; b: number }) => a + b);
 * const registry = toolRegistry([add]);
 * const { tool: asked, input } = registry.resolve({ name: 'add', arguments: '{"a":1,"b":2}' });
 * console.assert((await createRunner().call(asked, input)) === 3);
 * ```
 */
export function toolRegistry(tools: Iterable<AnyTool>): ToolRegistry {
  const byName = new Map<string, Tool>();
  for (const tool of tools) {
    if (!isTool(tool)) throw new ConfigError(`toolRegistry: expected tools made by tool(), got ${describe(tool)}`);
    if (byName.has(tool.name)) throw new ConfigError(`toolRegistry: two tools are called "${tool.name}"`);
    byName.set(tool.name, tool as Tool);
  }
  const get = (name: string): Tool => {
    const tool = byName.get(name);
    if (tool !== undefined) return tool;
    throw unknownTool(name, [...byName.keys()]);
  };
  return {
    get,
    has: (name) => byName.has(name),
    names: () => [...byName.keys()],
    resolve(request) {
      const tool = get(request?.name);
      return { tool, input: argumentsOf(request) };
    },
  };
}

function unknownTool(name: unknown, known: readonly string[]): UnknownToolError {
  const meant = typeof name === 'string' ? nearest(name, known) : undefined;
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  return new UnknownToolError(`There is no tool ${describe(name)}${hint}`, {
    details: { name: describe(name), known },
  });
}

function argumentsOf({ name, arguments: given }: ToolCallRequest): unknown {
  if (typeof given !== 'string') return given;
  // What some models send for no arguments at all.
  if (given === '') return {};
  try {
    return JSON.parse(given);
  } catch (cause) {
    throw new InvalidInputError(`Tool "${name}" was given arguments that are no JSON: ${describe(given)}`, {
      cause,
      details: { issues: [{ path: '', message: 'expected JSON' }] },
    });
  }
}
