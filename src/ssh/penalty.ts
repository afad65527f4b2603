import { tick } from '../os/clock.ts'
import { HostUnseen } from '../facts/session.ts'

/**
 * OpenSSH from 9.8 on drops connections of an address from which too many logins failed (`PerSourcePenalties`), right
 * keys too, and each further one that fails makes it longer. This process pauses before it connects to such a host again.
 */

/** How long, doubled each time. Milliseconds. sshd's own longest is ten minutes. */
const firstMs = 60_000
const mostMs = 600_000

const penalties = new Map<string, { readonly untilTick: number; readonly pauseMs: number }>()

/** What sshd says instead of its banner. */
export const penalty = /Not allowed at this time/

/** Notes that a host has dropped us, and makes the reason. */
export function penalised(host: string): HostUnseen {
  const pauseMs = Math.min(mostMs, (penalties.get(host)?.pauseMs ?? firstMs / 2) * 2)
  penalties.set(host, { untilTick: tick() + pauseMs, pauseMs })
  return new HostUnseen('unreachable', `${refusal(host)}; next attempt in ${Math.round(pauseMs / 1000)} s`)
}

/** @throws HostUnseen while the pause lasts. */
export function refusePenalised(host: string): void {
  const found = penalties.get(host)
  const leftMs = (found?.untilTick ?? 0) - tick()
  if (leftMs <= 0) return
  throw new HostUnseen('unreachable', `${refusal(host)}; next attempt in ${Math.ceil(leftMs / 1000)} s`)
}

function refusal(host: string): string {
  return `${host} refuses connections from this address after failed logins ("Not allowed at this time")`
}
