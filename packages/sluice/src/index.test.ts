import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const PACKAGES = ['core', 'timeout', 'concurrency', 'retry', 'circuit-breaker'] as const;

/** The names that a file exports, those of types included. */
function exportsOf(path: string, from = ''): string[] {
  const source = readFileSync(new URL(path, import.meta.url), 'utf8');
  const lists = source.matchAll(/export (?:type )?\{([^}]*)\} from '([^']*)'/g);
  return [...lists]
    .flatMap(([, names = '', module = '']) =>
      module.startsWith(from) ? names.split(',').map((name) => name.replace('type ', '').trim()) : [],
    )
    .filter((name) => name !== '');
}

it.each(PACKAGES)('has all that @sluice/%s has', (folder) => {
  const own = exportsOf(`../../${folder}/src/index.ts`).sort();
  expect(own.length).toBeGreaterThan(10);
  expect(exportsOf('index.ts', `@sluice/${folder}`).sort()).toEqual(own);
});

it('has the tools for tests as well', () => {
  expect(exportsOf('testing.ts').sort()).toEqual(exportsOf('../../core/src/testing/index.ts').sort());
});
