import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Place } from './far-host.ts'
import type { Baseline } from './bench.ts'
import { run } from './processes.ts'

/**
 * Others' tools asked the same question, as Debian packages them: are these units active? Each logs in with the
 * same key, checks the host's key, and keeps to its defaults otherwise. A tool that answers anything but yes to all
 * of them was not fast but wrong, and ends the bench.
 */
interface Peer {
  readonly name: string
  readonly packages: readonly string[]
  /** Answers its version where it is installed, and fails where it is not. */
  readonly version: readonly string[]
  /** Writes what it needs into a folder; answers its sides. */
  sides(place: Place, units: readonly string[], dir: string): Promise<readonly Side[]>
}

interface Side {
  readonly suffix: string
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly limit?: number
}

/** How much faster is meant, where the line is long. */
const timesFaster = 20

const testinfra: Peer = {
  name: 'testinfra',
  packages: ['python3-testinfra', 'python3-paramiko'],
  version: [
    '/usr/bin/python3',
    '-c',
    "import testinfra, paramiko, importlib.metadata as m; print(m.version('pytest-testinfra'))"
  ],
  async sides(place, units, dir) {
    const file = join(dir, 'test_units.py')
    const config = await sshConfig(place, dir)
    await writeFile(
      file,
      `import pytest

@pytest.mark.parametrize("unit", ${JSON.stringify(units)})
def test_active(host, unit):
    assert host.service(unit).is_running
`
    )
    const over = (backend: string) =>
      [
        ['/usr/bin/python3', '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--rootdir', dir],
        [`--ssh-config=${config}`, `--hosts=${backend}://peer`, file]
      ].flat()
    const env = { PYTHONDONTWRITEBYTECODE: '1' }
    return [
      {
        suffix: ' over ssh',
        argv: over('ssh'),
        env,
        ...(place.roundTrip === '0 ms' ? {} : { limit: 1 / timesFaster })
      },
      { suffix: ' over paramiko', argv: over('paramiko'), env }
    ]
  }
}

const serverspec: Peer = {
  name: 'serverspec',
  packages: ['ruby-serverspec'],
  version: ['/usr/bin/ruby', '-e', "require 'serverspec'; puts Serverspec::VERSION"],
  async sides(place, units, dir) {
    const file = join(dir, 'units_spec.rb')
    const options = {
      user: place.user,
      port: place.port,
      keys: [place.identityFile],
      keys_only: true,
      user_known_hosts_file: place.knownHosts,
      config: false
    }
    await writeFile(
      file,
      `require 'serverspec'
require 'json'
set :backend, :ssh
set :host, ${JSON.stringify(place.address)}
set :disable_sudo, true
set :request_pty, false
set :ssh_options, JSON.parse(${JSON.stringify(JSON.stringify(options))}, symbolize_names: true).merge(verify_host_key: :always)
${JSON.stringify(units)}.each do |unit|
  describe service(unit) do
    it { should be_running }
  end
end
`
    )
    return [{ suffix: '', argv: ['/usr/bin/rspec', '--options', '/dev/null', file] }]
  }
}

const ansible: Peer = {
  name: 'Ansible',
  packages: ['ansible-core'],
  version: ['/usr/bin/ansible-playbook', '--version'],
  async sides(place, units, dir) {
    const config = await sshConfig(place, dir)
    const file = join(dir, 'units.yml')
    const settings = join(dir, 'ansible.cfg')
    await writeFile(settings, '')
    const tasks = units.map(unit => ({ raw: `systemctl is-active ${unit}`, changed_when: false }))
    // JSON is YAML. `raw` needs no Python on the host and is the quickest that there is.
    await writeFile(file, JSON.stringify([{ hosts: 'all', gather_facts: false, tasks }]))
    return [
      {
        suffix: ', `raw`',
        argv: ['/usr/bin/ansible-playbook', '-i', 'peer,', file],
        env: {
          ANSIBLE_CONFIG: settings,
          ANSIBLE_LOCAL_TEMP: join(dir, 'tmp'),
          ANSIBLE_SSH_CONTROL_PATH_DIR: join(dir, 'cp'),
          // A connection that is kept is kept for the run, not for the next round.
          ANSIBLE_SSH_ARGS: `-F ${config} -o ControlMaster=auto -o ControlPersist=1s`
        }
      }
    ]
  }
}

async function sshConfig(place: Place, dir: string): Promise<string> {
  const file = join(dir, 'ssh_config')
  const lines = [
    'Host peer',
    `HostName ${place.address}`,
    `Port ${place.port}`,
    `User ${place.user}`,
    `IdentityFile ${place.identityFile}`,
    `UserKnownHostsFile ${place.knownHosts}`,
    'IdentitiesOnly yes',
    'StrictHostKeyChecking yes',
    'BatchMode yes'
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  return file
}

/** Those of them that are here, and the names of those that are not. With `install`, apt fetches what is missing. */
export async function peersOn(
  place: Place,
  units: readonly string[],
  install: boolean
): Promise<{ readonly baselines: readonly Baseline[]; readonly missing: readonly string[] }> {
  const baselines: Baseline[] = []
  const missing: string[] = []
  for (const peer of [testinfra, serverspec, ansible]) {
    let version = await versionOf(peer)
    if (version === null && install) {
      const apt = ['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', ...peer.packages]
      await run(apt, { env: { DEBIAN_FRONTEND: 'noninteractive' } })
      version = await versionOf(peer)
    }
    if (version === null) {
      missing.push(`${peer.name} is not installed (apt-get install ${peer.packages.join(' ')})`)
      continue
    }
    const dir = join(dirname(place.home), `peer-${peer.name}-${place.roundTrip.replace(' ', '')}`)
    await mkdir(dir, { recursive: true })
    for (const { suffix, argv, env, limit } of await peer.sides(place, units, dir)) {
      baselines.push({
        name: `${peer.name} ${version}${suffix}`,
        run: async () => (await run(argv, { cwd: dir, ...(env === undefined ? {} : { env }) })).ms,
        ...(limit === undefined ? {} : { limit })
      })
    }
  }
  return { baselines, missing }
}

async function versionOf({ version: [command = '', ...args] }: Peer): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(command, args)
    return /\d+(?:\.\d+)+/.exec(stdout)?.[0] ?? null
  } catch {
    // It is not there, or not whole: either way it cannot be run.
    return null
  }
}
