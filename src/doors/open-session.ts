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
      return (await import('./ssh.ts')).openSsh2(host, options)
    case 'openssh':
      return (await import('./openssh.ts')).openOpenssh(host, options)
    case 'local':
      return (await import('./local.ts')).openLocal(host, options)
  }
}
