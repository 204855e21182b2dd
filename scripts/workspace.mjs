// What the checks need to know of the monorepo: where it is, which packages it publishes, how to run a tool of it.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the monorepo. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A folder that git, biome and knip ignore; every script has a folder of its own in it. */
export const cache = join(root, '.cache');

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private]
 * @property {Record<string, unknown>} [exports]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, { optional?: boolean }>} [peerDependenciesMeta]
 * @property {string | Record<string, string>} [bin]
 */

/** @typedef {{ folder: string, manifest: Manifest }} Package */

/** @typedef {{ passed: number, failed: number }} Tally */

/**
 * @param {string} folder
 * @returns {Manifest}
 */
export function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/**
 * The packages that are published, by name.
 *
 * @returns {Package[]}
 */
export function publicPackages() {
  return readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => ({ folder, manifest: readManifest(folder) }))
    .filter(({ manifest }) => !manifest.private);
}

/**
 * What a user can import of a package: `@sluice/core`, `@sluice/core/testing`.
 *
 * @param {Package} of
 */
export function entryPoints({ manifest }) {
  return Object.keys(manifest.exports ?? {})
    .filter((path) => !path.endsWith('.json'))
    .map((path) => manifest.name + path.slice(1));
}

/**
 * The JavaScript file behind a tool's command, so that no shell stands between (and no `.cmd` on Windows).
 *
 * @param {string} dependency
 * @param {string} command
 */
export function toolPath(dependency, command) {
  const folder = installedFolder(dependency, root);
  const { bin } = readManifest(folder);
  const file = typeof bin === 'string' ? bin : bin?.[command];
  if (file === undefined) throw new Error(`${dependency} has no command ${command}`);
  return join(folder, file);
}

/**
 * The folder in which Node finds a dependency, seen from another folder.
 *
 * @param {string} dependency
 * @param {string} from
 */
export function installedFolder(dependency, from) {
  const paths = createRequire(join(from, 'package.json')).resolve.paths(dependency) ?? [];
  const folder = paths.map((path) => join(path, dependency)).find((path) => existsSync(join(path, 'package.json')));
  if (folder === undefined) throw new Error(`${dependency} is not installed: run npm ci`);
  return folder;
}

/**
 * Runs a program to its end, killing it at the limit, and says how it went. Never rejects.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, limitMs?: number }} [options]
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
export function run(command, args, { cwd = root, limitMs = 120_000 } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32' && command === 'npm',
    });
    let output = '';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limitMs);
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', (error) => {
      output += error.message;
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ ok: code === 0, output: late ? `${output}\nstill running after ${limitMs / 1000} s: killed` : output });
    });
  });
}

/**
 * Runs a JavaScript tool with this Node.
 *
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ cwd?: string, limitMs?: number }} [options]
 */
export function node(file, args = [], options = {}) {
  return run(process.execPath, [file, ...args], options);
}

/**
 * Prints one check's outcome, its output only if it failed, and counts it.
 *
 * @param {Tally} tally
 * @param {string} title
 * @param {{ ok: boolean, output: string }} result
 */
export function record(tally, title, { ok, output }) {
  console.log(`${ok ? '✓' : '✗'} ${title}`);
  if (!ok) console.log(output.trim().replaceAll(/^/gm, '    '));
  tally[ok ? 'passed' : 'failed'] += 1;
}

/**
 * Ends a check: exit code, and the tally in the last line, where `scripts/test.mjs` reads it.
 *
 * @param {Tally} tally
 * @param {string} what
 */
export function finish(tally, what) {
  if (tally.passed + tally.failed === 0) {
    console.log(`✗ no ${what} found to check`);
    tally.failed = 1;
  }
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  process.exitCode = tally.failed === 0 ? 0 : 1;
}
