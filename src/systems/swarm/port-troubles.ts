import { oneLine } from '../../lib/text/clean.ts'
import type { Finding } from '../../lib/finding.ts'
import type { Listener } from '../linux/listeners.ts'
import { bareDaemons, holderOf, portOf, type Served, socketLine } from './ports.ts'

/** What is wrong with a port that is published or open; analysis for probes. */

/** What a probe finds of it, or why that cannot be said. */
export type PortTrouble = Extract<Finding, { outcome: 'fail' | 'unknown' }>

/** A published port at which nothing listens. */
export function deaf({ service, port, mode, young }: Served, proxied: boolean): PortTrouble {
  const saw = `${service} publishes ${port} in ${mode} mode and runs, but nothing listens there`
  if (young) return { outcome: 'unknown', why: `${saw} yet`, settlesWithinMs: 30_000 }
  if (mode === 'host' && !proxied) {
    const why = `${saw}, nor on any port in host mode; this engine may publish without its userland proxy`
    return { outcome: 'unknown', why }
  }
  return {
    outcome: 'fail',
    saw,
    expected: `a listener on ${port}`,
    at: port,
    filing: {
      subject: `${service} ${port}`,
      title: `nothing listens on ${port}, which ${service} publishes`,
      severity: 'high',
      story: [`${saw}.`, 'docker counts the task as running even when it did not get its port.'],
      remedy: 'Look for the port in the journal of docker.service, then update the service with --force.'
    }
  }
}

/** A published port that somebody else has; nothing where it is docker that listens. */
export function taken({ service, port, mode }: Served, outside: readonly Listener[]): readonly PortTrouble[] {
  const holder = holderOf(port, outside)
  if (holder.kind === 'docker') return []
  const shows = outside.filter(socket => portOf(socket) === port).map(socketLine)
  const published = `${service} publishes ${port} in ${mode} mode`
  if (holder.kind === 'unseen') {
    const why = `${published}, and something listens there, but ss shows no control group, so the owner of the socket is unknown`
    return [{ outcome: 'unknown', why, shows }]
  }
  const owner = oneLine(holder.owner, 200)
  const saw = `${published}, but ${owner} has that port`
  return [
    {
      outcome: 'fail',
      saw,
      expected: `docker listening on ${port}`,
      at: port,
      shows,
      filing: {
        subject: `${service} ${port}`,
        title: `another program has ${port}, which ${service} publishes`,
        severity: 'high',
        story: [
          `${saw}.`,
          'docker counts the task as running even when it did not get its port: connections reach the other program.'
        ],
        remedy: 'Stop the other program or give it another port, then update the service with --force.'
      }
    }
  ]
}

/** A port of a daemon that asks for no password, open to everybody. */
export function exposed(port: string, publisher: string): PortTrouble {
  const [daemon = '', severity = 'high'] = bareDaemons[port] ?? []
  const saw = `${port} listens on every address${publisher}; this is usually the port of ${daemon}`
  return {
    outcome: 'fail',
    saw,
    expected: `${port} on loopback only, or closed`,
    at: port,
    filing: {
      subject: port,
      title: `${port} is open on every address`,
      severity,
      story: [`${saw}.`, 'The list of sockets does not show whether a firewall protects it.'],
      remedy: 'Bind it to 127.0.0.1 or to the address that needs it, or require authentication.'
    }
  }
}
