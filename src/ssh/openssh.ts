import { spawn } from 'node:child_process'
import { childWire } from './local.ts'
import { penalised, penalty, refusePenalised } from './penalty.ts'
import { loginLimit, newStart, startReader } from './reader/reader.ts'
import type { HostAddress, HostSession, SessionOptions } from '../facts/session.ts'
import { HostUnseen } from '../facts/session.ts'
import { destinationWords, parseDestination } from './ssh-config.ts'

/**
 * Reads a host through the system's `ssh`, which brings jump hosts, certificates, hardware keys and the
 * whole of ssh_config. It never asks anything and never accepts a key that is not on file.
 */
export async function openOpenssh(host: HostAddress, options: SessionOptions): Promise<HostSession> {
  refusePenalised(host.ssh)
  const limit = loginLimit(host, options)
  try {
    const start = newStart()
    const child = spawn('ssh', [...sshArguments(host), start.command], {
      // Its messages are read below.
      env: { ...process.env, LC_ALL: 'C' },
      detached: true
    })
    return await startReader(
      childWire(child, (how, stderrText) => whyEnded(host, how, stderrText)),
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
  const destination = parseDestination(host.ssh)
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
    ...destinationWords(destination)
  ]
}

/** A path as ssh_config takes it: quoted, and its `%` not an abbreviation. */
function quoted(path: string): string {
  if (/["\\\n]/.test(path))
    throw new HostUnseen(
      'configuration',
      `the path ${path} cannot be passed to ssh: it contains a quote, a backslash or a line break`
    )
  return `"${path.replaceAll('%', '%%')}"`
}

function whyEnded(host: HostAddress, how: string, stderrText: string): HostUnseen {
  if (how.includes('ENOENT')) {
    return new HostUnseen(
      'configuration',
      '`transport: openssh` requires the program ssh, which is not installed'
    )
  }
  const words = reasonIn(stderrText)
  // 255 is ssh's own; everything else is the exit code of what ran on the host.
  if (how !== 'with 255') {
    return new HostUnseen('shell', `the shell on the host exited ${how}${words === '' ? '' : `: ${words}`}`)
  }
  if (penalty.test(stderrText)) return penalised(host.ssh)
  const key = /Server host key: (\S+ SHA256:\S+)/.exec(stderrText)?.[1]
  const kind = kindOf(words)
  const shown =
    kind === 'host-key' && key !== undefined
      ? ` (it shows ${key})`
      : kind === 'login-refused'
        ? offeredIn(stderrText)
        : ''
  return new HostUnseen(kind, `ssh ${host.ssh}${shown}: ${words === '' ? 'exited without a message' : words}`)
}

/** The keys that it tried, as its own log names them. */
function offeredIn(said: string): string {
  const lines = [
    ...said.matchAll(/^debug1: Offering public key: (?<file>\S.{0,300}?) \S+ (?<print>SHA256:\S{1,60})/gm)
  ]
  const keys = lines.map(({ groups }) => `${groups?.['file'] ?? ''} (${groups?.['print'] ?? ''})`)
  return keys.length === 0 ? '' : ` (offered: ${[...new Set(keys)].slice(0, 3).join(', ')})`
}

/** What `ssh` writes of its own accord where it gives up. */
const ownReason =
  /^(?:ssh: |kex_exchange_identification: |banner exchange: |ssh_dispatch_run_fatal: |client_loop: |packet_write_\w+: |Connection (?:closed|reset|timed out|to )|Host key verification failed|No \S+ host key is known|Unable to negotiate|Received disconnect|Disconnected from|Timeout, server|Could not resolve|Bad |command-line|Load key |Too many authentication failures|\S+: Permission denied|\S+: line \d+|\S+ terminating|channel \d+: open failed|(?:open|request) failed)/

/**
 * The reason among what `ssh` printed. Before it may stand the banner of the host and warnings of the client (`**
 * WARNING: connection is not using a post-quantum key exchange algorithm`), which are no reason.
 */
function reasonIn(stderrText: string): string {
  const lines = stderrText.split(/\r?\n/).map(line => line.trim())
  // Behind the login the host's shell speaks; before it the last words are the reason.
  const login = lines.findLastIndex(line => line.startsWith('Authenticated to '))
  const words = lines
    .slice(login + 1)
    .filter(
      line => line !== '' && !/^(?:debug\d: |OpenSSH_|Transferred: |Bytes per second: |@+$|\*\* )/.test(line)
    )
  const own = words.filter(line => ownReason.test(line))
  return (own.length > 0 ? own : words).slice(-2).join(' ')
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
