import { defineConfig } from 'vitest/config';
import { packageProject } from '../../vitest.shared.ts';

const { test, ...project } = packageProject('@sluice/timeout');

// Long runs that watch the heap: one at a time, with a collector they can call, outside `npm test`.
export default defineConfig({
  ...project,
  test: {
    ...test,
    include: ['src/**/*.soak.ts'],
    typecheck: { enabled: false },
    pool: 'forks',
    execArgv: ['--expose-gc'],
    fileParallelism: false,
    testTimeout: 600_000,
  },
});
