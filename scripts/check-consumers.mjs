// Installs the packed packages, as from the registry but without a network, into two fresh projects: one in strict
// TypeScript and ESM, one in CommonJS; compiles each against the published types and runs each with Node.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  entryPoints,
  finish,
  installedFolder,
  node,
  publicPackages,
  readManifest,
  record,
  root,
  run,
  toolPath,
} from './workspace.mjs';

const tally = { passed: 0, failed: 0 };
const packages = publicPackages();
const imports = packages.flatMap(entryPoints);
const tsc = toolPath('typescript', 'tsc');
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-consumers-')));

const sources = {
  esm: {
    type: 'module',
    file: 'main.ts',
    lines: imports.map((path, i) => `import * as m${i} from '${path}';`),
  },
  cjs: {
    type: 'commonjs',
    file: 'main.cts',
    lines: imports.map((path, i) => `import m${i} = require('${path}');`),
  },
};

const checks = `
const modules: Record<string, object> = { ${imports.map((path, i) => `'${path}': m${i}`).join(', ')} };
for (const [path, names] of Object.entries(modules)) {
  if (Object.keys(names).length === 0) throw new Error(path + ' exports nothing');
}
`;

// No skipLibCheck: the published declarations are compiled too, in a project without the options they were written under.
const tsconfig = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    verbatimModuleSyntax: true,
    outDir: 'out',
    rootDir: '.',
  },
  include: ['main.*'],
};

/**
 * Everything a consumer installs: our packages, their dependencies and required peers, and Node's types. Our packages
 * are packed as they would be published, the others as they lie in node_modules.
 *
 * @returns {Promise<Record<string, string>>} file: specifiers by package name
 */
async function packEverything() {
  /** @type {Map<string, string>} */
  const folders = new Map(packages.map((each) => [each.manifest.name, each.folder]));
  folders.set('@types/node', installedFolder('@types/node', root));
  /** @type {Record<string, string>} */
  const specifiers = {};
  // A Map's iterator also visits what is added meanwhile, so this walks the whole closure.
  for (const [name, path] of folders) {
    const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = readManifest(path);
    const peers = Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
    for (const needed of [...Object.keys(dependencies), ...peers]) {
      if (!folders.has(needed)) folders.set(needed, installedFolder(needed, path));
    }
    const args = ['pack', path, '--ignore-scripts', '--silent', '--pack-destination', folder];
    const { ok, output } = await run('npm', args);
    const tarball = output.trim().split('\n').at(-1) ?? '';
    if (!ok || !tarball.endsWith('.tgz')) throw new Error(`npm pack ${name} failed:\n${output}`);
    specifiers[name] = `file:../${basename(tarball)}`;
  }
  return specifiers;
}

/**
 * @param {'esm' | 'cjs'} kind
 * @param {Record<string, string>} dependencies
 */
async function consume(kind, dependencies) {
  const { type, file, lines } = sources[kind];
  const cwd = join(folder, kind);
  mkdirSync(cwd);
  writeFileSync(
    join(cwd, 'package.json'),
    JSON.stringify({ name: `consumer-${kind}`, private: true, type, dependencies }),
  );
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify(tsconfig));
  writeFileSync(join(cwd, file), lines.join('\n') + checks);

  const install = await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--no-package-lock'], { cwd });
  record(tally, `${kind} consumer: the tarballs install`, install);
  if (!install.ok) return;
  const compile = await node(tsc, ['-p', '.'], { cwd });
  record(tally, `${kind} consumer: compiles in strict TypeScript`, compile);
  if (!compile.ok) return;
  const main = join('out', kind === 'esm' ? 'main.js' : 'main.cjs');
  record(tally, `${kind} consumer: ${imports.join(', ')} load and export something`, await node(main, [], { cwd }));
}

try {
  if (packages.length > 0) {
    const dependencies = await packEverything();
    await consume('esm', dependencies);
    await consume('cjs', dependencies);
  }
} catch (error) {
  record(tally, 'the packages pack', { ok: false, output: String(error) });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
finish(tally, 'packages');
