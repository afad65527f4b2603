import { spawn } from 'node:child_process'
import { childWire } from './local.ts'
import { loginLimit, newStart, startReader } from './reader.ts'
import type { HostAddress, HostSession, SessionOptions } from './session.ts'
import { HostUnseen } from './session.ts'
import { parseDestination } from './ssh-config.ts'

/**
 * Reads a host through the system's `ssh`, which brings jump hosts, certificates, hardware keys and the
 * whole of ssh_config. It never asks anything and never accepts a key that is not on file.
 */
export async function openOpenssh(host: HostAddress, options: SessionOptions): Promise<HostSession> {
  const limit = loginLimit(host, options)
  try {
    const start = newStart()
    const child = spawn('ssh', [...sshArguments(host), start.command], {
      // Its messages are read below.
      env: { ...process.env, LC_ALL: 'C' },
      detached: true
    })
    return await startReader(
      childWire(child, (how, said) => whyEnded(host, how, said)),
      start,
      options,
      limit.signal
    )
  } finally {
    limit.done()
  }
}

/**
 * All that `ssh` is told but the command.
 *
 * @throws HostUnseen of kind `configuration` for a destination that `ssh` could take for something else.
 */
export function sshArguments(host: HostAddress): readonly string[] {
  const { user, host: name, port } = parseDestination(host.ssh)
  const set = {
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
    UpdateHostKeys: 'no',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ClearAllForwardings: 'yes',
    ControlMaster: 'no',
    ControlPath: 'none',
    PermitLocalCommand: 'no',
    RemoteCommand: 'none',
    RequestTTY: 'no',
    EscapeChar: 'none',
    ConnectionAttempts: '1',
    ConnectTimeout: String(Math.max(1, Math.ceil(host.timeoutMs / 1000))),
    ServerAliveInterval: '5',
    ServerAliveCountMax: '3',
    // Its debugging output is the only place where a key that is not on file has a fingerprint.
    LogLevel: 'DEBUG1',
    ...(host.knownHosts === undefined
      ? {}
      : { UserKnownHostsFile: quoted(host.knownHosts), GlobalKnownHostsFile: 'none' }),
    ...(host.identityFile === undefined
      ? {}
      : { IdentityFile: quoted(host.identityFile), IdentitiesOnly: 'yes' })
  }
  return [
    '-T',
    ...(host.configFile === undefined ? [] : ['-F', host.configFile ?? 'none']),
    ...Object.entries(set).flatMap(([key, value]) => ['-o', `${key}=${value}`]),
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    '--',
    name
  ]
}

/** A path as ssh_config takes it: quoted, and its `%` not an abbreviation. */
function quoted(path: string): string {
  if (/["\\\n]/.test(path)) throw new HostUnseen('configuration', `ssh cannot be told of the path ${path}`)
  return `"${path.replaceAll('%', '%%')}"`
}

function whyEnded(host: HostAddress, how: string, said: string): HostUnseen {
  if (how.includes('ENOENT')) {
    return new HostUnseen(
      'configuration',
      '`transport: openssh` needs the program ssh, which is not installed'
    )
  }
  // The last two lines are its reason; before them may stand the host's banner.
  const words = said
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(
      line =>
        line !== '' &&
        !/^(debug\d: |OpenSSH_|Authenticated to |Transferred: |Bytes per second: |@+$)/.test(line)
    )
    .slice(-2)
    .join(' ')
  // 255 is ssh's own; everything else is the exit code of what ran on the host.
  if (how !== 'with 255') {
    return new HostUnseen('shell', `the shell on the host ended ${how}${words === '' ? '' : `: ${words}`}`)
  }
  const key = /Server host key: (\S+ SHA256:\S+)/.exec(said)?.[1]
  const kind = kindOf(words)
  const shown = kind === 'host-key' && key !== undefined ? ` (it shows ${key})` : ''
  return new HostUnseen(kind, `ssh ${host.ssh}${shown}: ${words === '' ? 'ended without a word' : words}`)
}

function kindOf(words: string): HostUnseen['kind'] {
  if (/host key|HOST IDENTIFICATION|revoked/i.test(words)) return 'host-key'
  if (/Permission denied|authentication fail/i.test(words)) return 'login-refused'
  if (/(open|request) failed/i.test(words)) return 'shell'
  if (/timed out/i.test(words)) return 'timeout'
  if (/bad configuration|Bad owner or permissions|config(uration)? file|unsupported option/i.test(words)) {
    return 'configuration'
  }
  return 'unreachable'
}
