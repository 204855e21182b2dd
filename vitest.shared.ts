import type { TestProjectInlineConfiguration } from 'vitest/config';

/** Packages see each other's source, not their builds: tests need no build, and coverage crosses packages. */
const conditions = ['@sluice/source', 'node', 'import', 'module', 'default'];

/** What every package's vitest project has in common; `name` is the package's name. */
export function packageProject(name: string): TestProjectInlineConfiguration {
  return {
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      name,
      include: ['src/**/*.test.ts'],
      typecheck: { enabled: true, include: ['src/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
    },
  };
}
