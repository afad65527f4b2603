import fc from 'fast-check'
import { expect, it } from 'vitest'
import { matches, routeFor, routesOf } from '../../../src/systems/traefik/rule.ts'

it.each<[rule: string, host: string, path: string | null, match: boolean | null]>([
  ['Host(`a.test`)', 'a.test', '/', true],
  ['Host(`A.test`)', 'a.TEST', null, true],
  ['Host(`a.test`)', 'b.a.test', '/', false],
  ['Host(`a.test`, `b.test`)', 'b.test', '/', true],
  ['Host("a.test")', 'a.test', '/', true],
  ['Host(`a.test`) || Host(`b.test`)', 'b.test', '/', true],
  ['Host(`a.test`) && PathPrefix(`/x`)', 'a.test', '/x/y', true],
  ['Host(`a.test`) && PathPrefix(`/x`)', 'a.test', '/', false],
  ['Host(`a.test`) && PathPrefix(`/x`)', 'a.test', null, null],
  ['Host(`a.test`) && PathPrefix(`/x`)', 'b.test', null, false],
  ['Host(`a.test`) && Path(`/x`)', 'a.test', '/x', true],
  ['Host(`a.test`) && Path(`/x`)', 'a.test', '/x/', false],
  ['Host(`a.test`) && !PathPrefix(`/x`)', 'a.test', '/y', true],
  ['(Host(`a.test`) || Host(`b.test`)) && PathPrefix(`/x`)', 'b.test', '/x', true],
  ['Host(`a.test`) || Host(`b.test`) && PathPrefix(`/x`)', 'a.test', '/y', true],
  ['Host(`a.test`) && Method(`GET`)', 'a.test', '/', true],
  ['HostRegexp(`^a\\..*$`)', 'a.test', '/', null],
  ['Host(`a.test`) && ClientIP(`10.0.0.0/8`)', 'a.test', '/', null],
  ['Host(`a.test`) && ClientIP(`10.0.0.0/8`)', 'b.test', '/', false],
  ['PathPrefix(`/{id:[0-9]+}`)', 'a.test', '/1', null],
  ['Host(`a.test`', 'a.test', '/', null],
  ['nonsense', 'a.test', '/', null],
  ['', 'a.test', '/', null]
])('%s lets %s%s through: %s', (rule, host, path, match) => {
  expect(matches(rule, host, path)).toBe(match)
})

it('asks the route of the highest priority first, and names those it cannot judge', () => {
  const routes = [
    ...routesOf('app', { 'traefik.http.routers.app.rule': 'Host(`a.test`)', 'traefik.enable': 'true' }),
    ...routesOf('api', { 'traefik.http.routers.api.rule': 'Host(`a.test`) && PathPrefix(`/api`)' }),
    ...routesOf('odd', {
      'traefik.http.routers.odd.rule': 'HostRegexp(`.*`)',
      'traefik.http.routers.odd.priority': '500'
    })
  ]
  expect(routeFor(routes, 'a.test', '/api/x')).toMatchObject({
    route: { service: 'api' },
    unsure: [{ service: 'odd' }]
  })
  expect(routeFor(routes, 'a.test', '/')).toMatchObject({ route: { service: 'app' } })
  expect(routeFor(routes, 'b.test', '/')).toMatchObject({ route: null, unsure: [{ service: 'odd' }] })
})

it('has an answer for any rule', () => {
  const piece = fc.oneof(
    fc.constantFrom('Host(', '`a`', ')', '(', '!', '&&', '||', ',', 'PathPrefix'),
    fc.string({ maxLength: 3 })
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 200 }), pieces => {
      expect([true, false, null]).toContain(matches(pieces.join(''), 'a', '/'))
    })
  )
  expect(matches('('.repeat(3000), 'a', '/')).toBe(null)
})
