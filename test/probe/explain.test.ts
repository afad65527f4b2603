import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { probes } from '../../probes/index.ts'
import { explained } from '../../src/probe/explain.ts'
import { defineProbe } from '../../src/probe/probe.ts'

describe.each(probes.map(probe => [probe.id, probe] as const))('%s', (_, probe) => {
  it('says what fails it, what it looks at, and what that needs', () => {
    expect(probe.fails?.length).toBeGreaterThan(0)
    for (const way of probe.fails ?? []) expect(way).toMatch(/^\S.*[^.\s]$/)
    const told = explained(probe)
    expect((told?.commands.length ?? 0) + (told?.elsewhere.length ?? 0)).toBeGreaterThan(0)
    const needed = (told?.needs ?? []).join()
    const runs = (program: string) =>
      told?.commands.some(command => command.startsWith(`${program} `)) === true
    expect([needed.includes('docker'), needed.includes('journal')]).toEqual([
      runs('docker'),
      runs('journalctl')
    ])
  })
})

it('shows the commands as they are sent, with a place for what the host fills in', () => {
  const journal = probes.find(({ id }) => id === 'journal-silent')
  expect(journal === undefined ? null : explained(journal)?.commands).toContain(
    'journalctl --unit=docker.service --since=@<seconds> --output=json --output-fields=MESSAGE,CONTAINER_NAME,_SYSTEMD_UNIT --all --no-pager'
  )
})

it('says nothing of a probe that needs parameters and shows none', () => {
  const probe = defineProbe({
    id: 'own',
    asserts: '',
    because: '',
    remedy: '',
    params: z.strictObject({ atMost: z.int() }),
    needs: () => ({}),
    judge: () => [{ outcome: 'pass', saw: '' }],
    falsify: () => []
  })
  expect(explained(probe)).toBeNull()
})
