// `npm test`: every check there is, one after the other, and in the last line the sum of what they counted.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cache, root, toolPath } from './workspace.mjs';

/** @typedef {import('./workspace.mjs').Tally} Tally */

const vitestReport = join(cache, 'vitest.json');
const script = (/** @type {string} */ name) => join(root, 'scripts', name);

/** @type {{ title: string, command: string[], count: 'none' | 'last line' | 'vitest report' }[]} */
const steps = [
  { title: 'typecheck', command: [script('turbo.mjs'), 'run', 'typecheck', '//#typecheck:root'], count: 'none' },
  {
    title: 'unit tests and type tests',
    command: [
      toolPath('vitest', 'vitest'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${vitestReport}`,
    ],
    count: 'vitest report',
  },
  { title: 'build', command: [script('turbo.mjs'), 'run', 'build'], count: 'none' },
  { title: 'packages', command: [script('check-packages.mjs')], count: 'last line' },
  { title: 'consumers', command: [script('check-consumers.mjs')], count: 'last line' },
  { title: 'examples', command: [script('check-examples.mjs')], count: 'last line' },
];

/**
 * Runs a step, showing what it prints.
 *
 * @param {string[]} command
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
function show(command) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

/** @returns {Tally} */
function readVitestReport() {
  try {
    const report = JSON.parse(readFileSync(vitestReport, 'utf8'));
    return { passed: report.numPassedTests, failed: report.numFailedTests };
  } catch {
    return { passed: 0, failed: 0 };
  }
}

/**
 * @param {string} output
 * @returns {Tally}
 */
function readLastLine(output) {
  const [, passed = 0, failed = 0] = /(\d+) passed, (\d+) failed\s*$/.exec(output) ?? [];
  return { passed: Number(passed), failed: Number(failed) };
}

const sum = { passed: 0, failed: 0 };
mkdirSync(cache, { recursive: true });
rmSync(vitestReport, { force: true });

for (const { title, command, count } of steps) {
  console.log(`\n── ${title}`);
  const { ok, output } = await show(command);
  const tally = count === 'vitest report' ? readVitestReport() : readLastLine(count === 'last line' ? output : '');
  sum.passed += tally.passed;
  // A step can fail without one failed test: a file that does not load, an unhandled rejection, a crash.
  sum.failed += ok ? tally.failed : Math.max(tally.failed, 1);
  if (!ok) console.log(`✗ ${title} failed`);
  if (ok && count !== 'none' && tally.passed === 0) {
    console.log(`✗ ${title}: nothing ran`);
    sum.failed += 1;
  }
}

console.log(`\n${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed === 0 ? 0 : 1;
