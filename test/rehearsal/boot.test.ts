import { describe, expect, it } from 'vitest'
import { rehearseHere } from '../../src/rehearsal/worlds.ts'
import { hostOf } from './sketch.ts'

const gate = `until [ "$(curl -s -o /dev/null -w '%{http_code}' https://x.example.test)" = 200 ]; do sleep 2; done`

const edge = {
  'edge.service': `[Unit]\nAfter=docker.service\nRequires=docker.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/opt/edge/start\n[Install]\nWantedBy=multi-user.target\n`
}
const shop = (after: string) => ({
  'shop.service': `[Unit]\nAfter=${after}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=docker stack deploy -c /opt/shop/stack.yml shop\n[Install]\nWantedBy=multi-user.target\n`
})
const files = (script: string) => ({
  '/opt/edge/start': `#!/bin/bash\nset -euo pipefail\ndocker stack deploy -c /opt/edge/stack.yml edge\n${script}\n`,
  '/opt/edge/stack.yml': 'services:\n  traefik:\n    image: traefik:v3\n',
  '/opt/shop/stack.yml':
    'services:\n  web:\n    image: shop:1\n    deploy:\n      labels:\n        - traefik.http.routers.shop.rule=Host(`x.example.test`)\n'
})

describe('a cold boot', () => {
  it('in which a start waits for a route that comes only after it: a circle, with its timeline', async () => {
    const facts = hostOf({
      units: { ...edge, ...shop('edge.service docker.service') },
      files: files(gate)
    })
    const rehearsal = await rehearseHere(facts)
    expect(rehearsal.waits).toMatchObject([
      {
        unit: 'edge.service',
        verdict: 'circle',
        target: { kind: 'url', key: 'https://x.example.test/' },
        answer: '404',
        broughtUpBy: { unit: 'shop.service' },
        holds: ['multi-user.target', 'shop.service']
      }
    ])
    expect(rehearsal.boot.ended).toBe('horizon')
    expect(rehearsal.boot.timeline).toContainEqual(
      expect.objectContaining({ kind: 'asked', unit: 'edge.service', answer: '404' })
    )
    expect(rehearsal.executed).toContainEqual(
      expect.objectContaining({ argv: ['docker', 'stack', 'deploy', '-c', '/opt/edge/stack.yml', 'edge'] })
    )
    expect(rehearsal.unknowns).toEqual([])
    expect(JSON.stringify(await rehearseHere(facts))).toBe(JSON.stringify(rehearsal))
  })

  it('in which the route comes from a unit beside it: nothing stands still', async () => {
    const rehearsal = await rehearseHere(
      hostOf({ units: { ...edge, ...shop('docker.service') }, files: files(gate) })
    )
    expect(rehearsal.waits).toEqual([])
    expect(rehearsal.boot.ended).toBe('horizon')
    expect(rehearsal.boot.units).toContainEqual(
      expect.objectContaining({ unit: 'edge.service', state: 'active' })
    )
  })

  it('whose program cannot be looked into says so', async () => {
    const rehearsal = await rehearseHere(
      hostOf({ units: edge, files: { '/opt/edge/start': '#!/usr/bin/perl\nprint 1;\n' } })
    )
    expect(rehearsal.unknowns).toMatchObject([{ name: '/opt/edge/start', unit: 'edge.service' }])
  })

  it.each([
    [
      'for ever, by its variables',
      'until curl -sf https://x.example.test > /tmp/out; do sleep 2; done',
      'starting'
    ],
    [
      'for as long as it counts',
      'n=0; until curl -sf https://x.example.test; do sleep 2; n=$((n+1)); [ $n -lt 9 ] || exit 1; done',
      'failed'
    ],
    [
      'for as long as it counts in a file',
      'until curl -sf https://x.example.test; do sleep 2; echo >> /tmp/n; [ "$(wc -l < /tmp/n)" -lt 9 ] || exit 1; done',
      'failed'
    ],
    [
      'for as many words as there are',
      'for x in a a a a a; do curl -sf https://x.example.test && break; sleep 2; done',
      'active'
    ],
    [
      'until it has no words left',
      'set -- 1 1 1 1; while [ $# -gt 0 ]; do curl -sf https://x.example.test && break; sleep 2; shift; done',
      'active'
    ]
  ])('that waits %s', async (_, script, state) => {
    const rehearsal = await rehearseHere(
      hostOf({ units: { ...edge, ...shop('edge.service docker.service') }, files: files(script) })
    )
    expect(rehearsal.boot.units.find(({ unit }) => unit === 'edge.service')?.state).toBe(state)
  })
})
