// Checks every package as it would be published: publint reads its manifest, attw what its types resolve to.
import { finish, node, publicPackages, record, toolPath } from './workspace.mjs';

const publint = toolPath('publint', 'publint');
const attw = toolPath('@arethetypeswrong/cli', 'attw');
const tally = { passed: 0, failed: 0 };

for (const { folder, manifest } of publicPackages()) {
  record(tally, `${manifest.name}: publint`, await node(publint, ['--strict'], { cwd: folder }));
  const types = await node(attw, ['--pack', '.', '--profile', 'esm-only', '--no-emoji'], { cwd: folder });
  record(tally, `${manifest.name}: attw`, types);
}
finish(tally, 'packages');
