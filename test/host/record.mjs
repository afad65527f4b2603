#!/usr/bin/env node
// record.mjs FOLDER [NAME...]: asks the running test host, as its reviewer and over ssh, what the
// probes may ask, and writes each answer (or only the named ones) to a file of FOLDER, as
// {argv, exit, stdout, stderr}. Nothing is edited. `versions` says in a line each what answered.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const [folder, ...only] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('usage: record.mjs FOLDER [NAME...]\n')
  process.exit(2)
}
const image = execFileSync(fileURLToPath(new URL('build', import.meta.url)), { encoding: 'utf8' }).trim()

const units = [
  'swarm-init.service',
  'deploy-proxy.service',
  'deploy-drone.service',
  'deploy-bridge.service',
  'deploy-dashboard.service',
  'deploy-reports.service',
  'warm-keycloak.service'
]
const properties = [
  'Id,Names,LoadState,ActiveState,SubState,Result,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload',
  'Type,RemainAfterExit,ExecMainStatus,ExecMainCode,ExecStart,ExecStartPre,ExecStartPost,NRestarts',
  'TimeoutStartUSec,ActiveEnterTimestamp,InactiveEnterTimestamp,ExecMainStartTimestamp',
  'ExecMainExitTimestamp,InvocationID,After,Before,Requires,Wants,BindsTo,Requisite,PartOf'
].join(',')
const json = ['--format', '{{json .}}']

const quoted = word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

function ask(argv) {
  const options = ['BatchMode=yes', 'IdentitiesOnly=yes', `UserKnownHostsFile=${image}/known_hosts`]
  const { status, stdout, stderr, error } = spawnSync(
    'ssh',
    [
      '-F',
      'none',
      '-i',
      `${image}/identity`,
      ...options.flatMap(option => ['-o', option]),
      'reviewer@198.51.100.2',
      argv.map(quoted).join(' ')
    ],
    { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }
  )
  if (error !== undefined) throw error
  if (status === 255) throw new Error(`ssh: ${stderr}`)
  return { argv, exit: status, stdout, stderr }
}

function record(name, argv) {
  if (only.length > 0 && !only.includes(name)) return ''
  const answer = ask(argv)
  writeFileSync(`${folder}/${name}.json`, `${JSON.stringify(answer, null, 2)}\n`)
  return answer.stdout
}

function versions() {
  const said = (argv, stream = 'stdout') => ask(argv)[stream].trim()
  return {
    debian: said(['cat', '/etc/debian_version']),
    systemd: /\((.+)\)/.exec(said(['systemctl', '--version']))[1],
    docker: said(['docker', 'version', '--format', '{{.Server.Version}}']),
    openssh: said(['ssh', '-V'], 'stderr')
  }
}

const words = text => text.split(/\s+/).filter(word => word !== '')

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })

record('date', ['date', '--utc', '+%Y-%m-%dT%H:%M:%S.%NZ'])
record('uname', ['uname', '-a'])
record('os-release', ['cat', '/etc/os-release'])
record('systemctl-version', ['systemctl', '--version'])
record('docker-version', ['docker', 'version', ...json])
record('docker-info', ['docker', 'info', ...json])
if (only.length === 0) writeFileSync(`${folder}/versions.json`, `${JSON.stringify(versions(), null, 2)}\n`)

const networks = words(ask(['docker', 'network', 'ls', '--no-trunc', '--quiet']).stdout)
const shared = words(ask(['docker', 'network', 'ls', '--no-trunc', '--quiet', '--filter', 'scope=swarm']).stdout)
record('docker-network-ls', ['docker', 'network', 'ls', '--no-trunc', ...json])
record('docker-network-inspect', ['docker', 'network', 'inspect', ...networks])
record('docker-network-inspect-verbose', ['docker', 'network', 'inspect', '--verbose', ...networks])
record('docker-network-inspect-verbose-swarm', ['docker', 'network', 'inspect', '--verbose', ...shared])
record('docker-network-inspect-proxy', ['docker', 'network', 'inspect', 'proxy'])
record('docker-network-inspect-absent', ['docker', 'network', 'inspect', 'absent'])

const services = words(ask(['docker', 'service', 'ls', '--quiet']).stdout)
record('docker-service-ls', ['docker', 'service', 'ls', ...json])
record('docker-service-inspect', ['docker', 'service', 'inspect', ...services])
record('docker-service-inspect-absent', ['docker', 'service', 'inspect', 'absent'])
record('docker-service-ps', ['docker', 'service', 'ps', '--no-trunc', ...json, ...services])
const tasks = words(ask(['docker', 'service', 'ps', '--no-trunc', '--quiet', ...services]).stdout)
record('docker-inspect-task', ['docker', 'inspect', '--type', 'task', ...tasks])
record('docker-ps', ['docker', 'ps', '--all', '--no-trunc', ...json])
record('docker-node-ls', ['docker', 'node', 'ls', ...json])
record('docker-node-inspect-self', ['docker', 'node', 'inspect', 'self'])
record('docker-stack-ls', ['docker', 'stack', 'ls', ...json])

record('ip-addr', ['ip', '-j', 'addr'])
record('ip-route', ['ip', '-j', 'route'])
record('ip-6-route', ['ip', '-j', '-6', 'route'])

const show = ['systemctl', 'show', '--timestamp=us+utc', '-p', properties]
record('systemctl-show', [...show, ...units])
record('systemctl-show-services', [...show, '--type=service', '*'])
record('systemctl-show-absent', [...show, 'absent.service'])
for (const unit of units) {
  const name = unit.replace('.service', '')
  record(`systemctl-cat-${name}`, ['systemctl', 'cat', unit])
  const start = /path=(\S+)/.exec(ask(['systemctl', 'show', '-p', 'ExecStart', unit]).stdout)
  if (start === null) throw new Error(`${unit} starts nothing`)
  const script = record(`script-${name}`, ['cat', start[1]])
  for (const [stack] of script.matchAll(/\/nix\/store\/\S+-stack\.yml/g)) record(`stack-${name}`, ['cat', stack])
}
record('systemctl-cat-absent', ['systemctl', 'cat', 'absent.service'])
