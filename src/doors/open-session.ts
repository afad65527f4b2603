import type { OpenSession } from './session.ts'

/**
 * Opens a fresh session to a host, by the transport that the home names. The doors are loaded when they
 * are needed, so that commands which ask no host start without ssh2.
 *
 * @throws HostUnseen with the true reason.
 */
export const openSession: OpenSession = async (host, options) => {
  switch (host.transport) {
    case 'ssh2':
      return (await import('./dial.ts')).openDialling(host, options)
    case 'openssh': {
      const { openOpenssh } = await import('./openssh.ts')
      options.begun?.()
      return openOpenssh(host, options)
    }
    case 'local': {
      const { openLocal } = await import('./local.ts')
      options.begun?.()
      return openLocal(host, options)
    }
  }
}
