import { describe, expect, it } from 'vitest';
import { createRunner } from './runner.ts';
import { tool } from './tool.ts';
import { toolRegistry } from './tool-registry.ts';

const add = tool('add', {}, ({ a, b }: { a: number; b: number }) => a + b);
const search = tool('search', {}, (q: string) => q);
const registry = toolRegistry(new Set([search, add]));

function thrownBy(fn: () => unknown): unknown {
  try {
    return fn();
  } catch (error) {
    return error;
  }
}

describe('a registry', () => {
  it('finds its tools by name, in the order in which they were given', () => {
    expect(registry.names()).toEqual(['search', 'add']);
    expect(registry.get('add')).toBe(add);
    expect([registry.has('add'), registry.has('sub')]).toEqual([true, false]);
    registry.names().pop();
    expect(registry.names()).toHaveLength(2);
  });

  it('turns what a model asks for into a tool and its input', async () => {
    const asked = registry.resolve({ name: 'add', arguments: '{"a":1,"b":2}' });
    expect(asked).toEqual({ tool: add, input: { a: 1, b: 2 } });
    expect(await createRunner().call(asked.tool, asked.input)).toBe(3);
    expect(registry.resolve({ name: 'add', arguments: { a: 1 } }).input).toEqual({ a: 1 });
    expect(registry.resolve({ name: 'add' }).input).toBeUndefined();
  });

  it('takes arguments from outside as data', () => {
    const { input } = registry.resolve({ name: 'add', arguments: '{"__proto__":{"a":1}}' });
    expect((input as { a?: number }).a).toBeUndefined();
  });

  it.each(['{"a":', 'undefined'])('refuses the arguments %j, which are no JSON', (given) => {
    expect(thrownBy(() => registry.resolve({ name: 'add', arguments: given }))).toMatchObject({
      code: 'INVALID_INPUT',
      message: `Tool "add" was given arguments that are no JSON: ${JSON.stringify(given)}`,
      details: { issues: [{ path: '', message: 'expected JSON' }] },
      cause: expect.any(SyntaxError),
    });
  });

  it.each<[unknown, string]>([
    ['serach', 'There is no tool "serach"; did you mean "search"?'],
    ['translate', 'There is no tool "translate"'],
    ['__proto__', 'There is no tool "__proto__"'],
    ['constructor', 'There is no tool "constructor"'],
    [undefined, 'There is no tool undefined'],
  ])('knows no tool %j', (name, message) => {
    const unknown = { code: 'UNKNOWN_TOOL', message, details: { known: ['search', 'add'] } };
    expect(thrownBy(() => registry.get(name as string))).toMatchObject(unknown);
    expect(thrownBy(() => registry.resolve({ name: name as string }))).toMatchObject(unknown);
    expect(registry.has(name as string)).toBe(false);
  });

  it('of nothing asks for nothing', () => {
    expect(thrownBy(() => registry.resolve(null as never))).toMatchObject({ code: 'UNKNOWN_TOOL' });
  });

  it('is made of tools only, no two of one name', () => {
    expect(() => toolRegistry([add, { ...search }])).toThrow(
      'toolRegistry: expected tools made by tool(), got an object',
    );
    expect(() => toolRegistry([add, tool('add', {}, () => 1)])).toThrow('toolRegistry: two tools are called "add"');
  });
});
