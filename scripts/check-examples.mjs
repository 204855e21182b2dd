// Compiles every documented example strictly, each a module of its own, against the built packages, and runs it.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { commentExamples, markdownExamples } from './examples.mjs';
import { cache, finish, node, publicPackages, record, root, toolPath } from './workspace.mjs';

const limitMs = 15_000;
const strictAssert = pathToFileURL(join(root, 'scripts', 'strict-assert.mjs')).href;
const folder = join(cache, 'examples');
const tally = { passed: 0, failed: 0 };

const tsconfig = {
  extends: '../../tsconfig.base.json',
  compilerOptions: { rootDir: '.', outDir: 'out', declaration: false, declarationMap: false, sourceMap: false },
  include: ['*.ts'],
};

/** @typedef {import('./examples.mjs').Example} Example */

function findExamples() {
  const packages = publicPackages().map((each) => each.folder);
  const readmes = [root, ...packages].map((each) => join(each, 'README.md')).filter((file) => existsSync(file));
  const pages = packages.flatMap((each) => pagesIn(join(each, 'docs')));
  const sources = packages.flatMap((each) =>
    readdirSync(join(each, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !/\.(test|test-d|soak)\.ts$/.test(file))
      .sort()
      .map((file) => join(each, 'src', file)),
  );
  return [...readmes, ...pages, ...sources].flatMap((path) => {
    const find = path.endsWith('.md') ? markdownExamples : commentExamples;
    return find(relative(root, path).replaceAll('\\', '/'), readFileSync(path, 'utf8'));
  });
}

/** @param {string} docs */
function pagesIn(docs) {
  if (!existsSync(docs)) return [];
  const files = readdirSync(docs, { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.md')).map((file) => join(docs, file));
}

/** @param {Example} example */
function moduleName({ file, line }) {
  return `${file.replaceAll(/\W+/g, '-')}-${line}`;
}

/**
 * Compiles all examples at once.
 *
 * @param {Example[]} examples
 * @returns {Promise<Map<string, string>>} errors by module name, their lines being those of the documented file
 */
async function compile(examples) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  for (const each of examples) writeFileSync(join(folder, `${moduleName(each)}.ts`), `${each.code}\n`);

  const byName = new Map(examples.map((each) => [moduleName(each), each]));
  /** @type {Map<string, string>} */
  const errors = new Map();
  const { ok, output } = await node(toolPath('typescript', 'tsc'), ['-p', '.', '--pretty', 'false'], { cwd: folder });
  let name = '';
  for (const text of output.split('\n')) {
    const [, start, line, rest] = /^(.+)\.ts\((\d+),\d+\): (.*)$/.exec(text) ?? [];
    const example = byName.get(start ?? '');
    if (start !== undefined) name = start;
    const shown = example ? `${example.file}:${example.line + Number(line) - 1} ${rest}` : text;
    if (text.trim() !== '') errors.set(name, `${errors.get(name) ?? ''}${shown}\n`);
  }
  const foreign = [...errors].filter(([each]) => !byName.has(each)).map(([, text]) => text);
  if (foreign.length > 0) record(tally, 'the examples compile', { ok: false, output: foreign.join('') });
  else if (!ok && errors.size === 0)
    record(tally, 'the examples compile', { ok, output: 'tsc failed and said nothing' });
  return errors;
}

const examples = findExamples();
const errors = examples.length > 0 ? await compile(examples) : new Map();
const queue = [...examples];

async function runQueue() {
  for (let each = queue.shift(); each !== undefined; each = queue.shift()) {
    const error = errors.get(moduleName(each));
    const title = `${each.file}:${each.line} ${each.run ? 'compiles and runs' : 'compiles'}`;
    if (error !== undefined) record(tally, title, { ok: false, output: error });
    else if (!each.run) record(tally, title, { ok: true, output: '' });
    else {
      const script = join(folder, 'out', `${moduleName(each)}.js`);
      record(tally, title, await node('--import', [strictAssert, script], { cwd: folder, limitMs }));
    }
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, runQueue));
finish(tally, 'examples');
