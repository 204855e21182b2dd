import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { packageProject, realProject } from './vitest.shared.ts';

const folders = readdirSync('packages').filter((folder) => existsSync(`packages/${folder}/package.json`));

export default defineConfig({
  test: {
    projects: folders.flatMap((folder) => {
      const root = `packages/${folder}`;
      const { name } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
      return [packageProject(name), realProject(name)].map((project) => ({ ...project, root }));
    }),
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**'],
      exclude: ['**/*.test.ts', '**/*.test-d.ts', '**/*.soak.ts'],
      reporter: ['text', 'html'],
      thresholds: { lines: 95 },
    },
  },
});
