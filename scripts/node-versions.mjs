// Runs the vitest suite on other versions of Node, which npm brings: `node scripts/node-versions.mjs [22 24 …]`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { root, run, toolPath } from './workspace.mjs';

const wanted = process.argv.slice(2);
const vitest = toolPath('vitest', 'vitest');

/**
 * @param {string} version
 * @returns {Promise<boolean>} whether the suite passed
 */
async function passesOn(version) {
  const folder = mkdtempSync(join(tmpdir(), `sluice-node-${version}-`));
  try {
    // npm runs the install script that fetches the binary only where it is allowed to.
    const manifest = { private: true, allowScripts: { node: true } };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    const install = await run('npm', ['install', '--no-audit', '--no-fund', `node@${version}`], { cwd: folder });
    const bin = join(folder, 'node_modules', 'node', 'bin');
    const node = join(bin, process.platform === 'win32' ? 'node.exe' : 'node');
    const actual = install.ok ? await run(node, ['--version']) : install;
    console.log(`── Node ${version}: ${actual.output.trim()}`);
    if (!actual.output.startsWith(`v${version}`)) return false;
    // First on the path too: the type tests and worker processes are started by name.
    const env = { ...process.env, PATH: bin + delimiter + process.env['PATH'] };
    return spawnSync(node, [vitest, 'run'], { cwd: root, stdio: 'inherit', env }).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const outcomes = [];
for (const version of wanted.length > 0 ? wanted : ['22', '24']) {
  outcomes.push(`Node ${version}: ${(await passesOn(version)) ? 'passed' : 'FAILED'}`);
}
console.log(outcomes.join('\n'));
process.exitCode = outcomes.some((line) => line.endsWith('FAILED')) ? 1 : 0;
