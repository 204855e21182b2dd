// Runs the suites that are named, or all of them, and prints a table for each part.
import { parseArgs } from 'node:util';
import type { Effort } from './part.ts';
import { inProcesses } from './processes.ts';
import { suites } from './suites.ts';
import { table } from './table.ts';

const FULL: Effort = { rounds: 25, warmUp: 8, roundMs: 10 };
const QUICK: Effort = { rounds: 9, warmUp: 4, roundMs: 5 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, processes: { type: 'string' } },
});
const processes = Number(values.processes ?? (values.quick ? 1 : 5));
if (!Number.isInteger(processes) || processes < 1) throw new Error('--processes: expected a whole number from 1 up');
for (const name of positionals) {
  if (!suites.some((suite) => suite.name === name)) {
    throw new Error(`There is no suite "${name}"; there are ${suites.map((suite) => suite.name).join(', ')}`);
  }
}

console.log(`Node ${process.version}, median of ${processes} processes`);
for (const suite of suites.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  console.log(`\n## ${suite.name}\n\n${suite.about}`);
  for (const part of suite.parts) {
    console.log(`\n${table(part, await inProcesses(processes, suite, part, values.quick ? QUICK : FULL))}`);
  }
}
