/**
 * Which nats-server do tests and a cluster on this machine run? npm has none, so it is looked for, and fetched where that is possible.
 *
 *   node .scripts/nats-server.mjs            prints the path of the one that is used
 *   node .scripts/nats-server.mjs --fetch    the same, and brings one into the cache if there is none
 *
 * Looked for in this order: `ESCAPEMENT_NATS_SERVER` (then nothing else counts), PATH, the cache. One that is too old is passed over, and
 * named when no other is found: Debian stable has 2.9, which knows neither atomic batches nor a time to live for each message.
 *
 * On Debian and Ubuntu it comes from the mirror that the machine itself is set up with, out of a newer suite than the machine's. Nothing on the
 * system changes: apt works on lists of its own in the cache, and the package is unpacked there, not installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command, PreparationError, step } from './step.mjs';

const oldest = [2, 12];
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'escapement');
const cached = join(cache, 'nats-server');

/** Where a newer one is: the suite and the component beside what the machine itself uses, and the key that signs it. */
const distributions = {
  debian: { suite: 'sid', component: 'main', keyring: '/usr/share/keyrings/debian-archive-keyring.gpg' },
  ubuntu: { suite: 'devel', component: 'universe', keyring: '/usr/share/keyrings/ubuntu-archive-keyring.gpg' },
};

/** `path` is null when there is none; then `fault` says why, for people. */
export function findNatsServer() {
  const named = process.env.ESCAPEMENT_NATS_SERVER;
  if (named) {
    const fault = faultOf(named);
    return fault === null ? { path: named } : { path: null, fault: `ESCAPEMENT_NATS_SERVER: ${fault}`, isFinal: true };
  }
  const faults = [];
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'nats-server'));
  for (const path of [...onPath, cached]) {
    if (!existsSync(path)) continue;
    const fault = faultOf(path);
    if (fault === null) return { path };
    faults.push(fault);
  }
  return { path: null, fault: faults.length > 0 ? faults.join('; ') : 'there is none on PATH' };
}

/** The path of one that can be used. Throws PreparationError with what to do. */
export async function fetchNatsServer() {
  const found = findNatsServer();
  if (found.path !== null) return found.path;
  if (found.isFinal) throw new PreparationError(`${found.fault}\n${advice}`);
  const { source, fault } = findSource();
  if (fault !== undefined) throw new PreparationError(`no nats-server: ${found.fault}. ${fault}\n${advice}`);
  await step(`fetching nats-server into ${cache} (once, about 15 s)`, () => fetchFrom(source));
  return cached;
}

const advice = [
  `nats-server ${oldest.join('.')} or newer is needed. Get one from https://github.com/nats-io/nats-server/releases or your package manager`,
  '(macOS: brew install nats-server), put it on PATH or name it in ESCAPEMENT_NATS_SERVER, and repeat.',
].join('\n');

/** Why the program at `path` cannot be used, or null. */
function faultOf(path) {
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const version = /v(\d+)\.(\d+)\.\d+/.exec(stdout ?? '');
  if (status !== 0 || version === null) return `${path} does not run`;
  const [major, minor] = version.slice(1).map(Number);
  const isOld = major < oldest[0] || (major === oldest[0] && minor < oldest[1]);
  return isOld ? `${path} is ${version[0]}, and ${oldest.join('.')} or newer is needed` : null;
}

/** The line for apt's list of sources, or why there is none. */
function findSource() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const id = /^ID=["']?(\w+)/m.exec(release)?.[1] ?? process.platform;
  const distribution = distributions[id];
  if (distribution === undefined) return { fault: `On ${id} it cannot be fetched.` };
  const own = /^VERSION_CODENAME=["']?(\w+)/m.exec(release)?.[1];
  // Also where the machine's own lists have never been fetched: this reads the configuration.
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const { status, stdout } = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  if (status !== 0) return { fault: 'apt-get does not run.' };
  const mirror = stdout
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, suite, component]) => suite === own && component === 'main')?.[0];
  if (mirror === undefined) return { fault: `apt is set up with no mirror of ${id} ${own ?? ''}.` };
  const { suite, component, keyring } = distribution;
  return { source: `deb [signed-by=${keyring}] ${mirror} ${suite} ${component}\n` };
}

function fetchFrom(source) {
  mkdirSync(cache, { recursive: true });
  // Of this very run: two of them at once do not meet, and the last rename wins.
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    for (const folder of ['state/lists/partial', 'cache/archives/partial', 'unpacked'])
      mkdirSync(join(work, folder), { recursive: true });
    writeFileSync(join(work, 'sources.list'), source);
    const settings = {
      'Dir::State': join(work, 'state'),
      'Dir::Cache': join(work, 'cache'),
      'Dir::Etc::SourceList': join(work, 'sources.list'),
      'Dir::Etc::SourceParts': '/dev/null',
      // The package is not for this system, so nothing is asked about what is installed here.
      'Dir::State::status': '/dev/null',
      'Acquire::Languages': 'none',
      // As root, apt would hand downloads to a user who may not write here.
      'APT::Sandbox::User': 'root',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    run('apt-get', [...options, 'update'], work);
    run('apt-get', [...options, 'download', 'nats-server'], work);
    const [archive] = readdirSync(work).filter((file) => file.endsWith('.deb'));
    run('dpkg', ['-x', archive, 'unpacked'], work);
    const program = join(work, 'unpacked', 'usr', 'sbin', 'nats-server');
    const fault = existsSync(program) ? faultOf(program) : 'the package has no program in usr/sbin';
    if (fault !== null) throw new PreparationError(`${fault}\n${advice}`);
    renameSync(program, cached);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(file, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(file, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  if (error !== undefined) throw new PreparationError(`cannot run ${file}: ${error.message}\n${advice}`);
  if (status !== 0) throw new PreparationError(`${file} ${args.at(-1)} failed:\n${stdout}${stderr}\n${advice}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await command(async () => {
    const found = process.argv.includes('--fetch') ? { path: await fetchNatsServer() } : findNatsServer();
    if (found.path === null) throw new PreparationError(`no nats-server: ${found.fault}\n${advice}`);
    console.log(found.path);
  });
}
