import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/**
 * `pass`: as if it were not there. `cut`: passes the request on, and breaks the connection when the answer begins.
 * `hang`: swallows what comes. `refuse`: breaks each connection at once.
 */
export type Cut = 'pass' | 'cut' | 'hang' | 'refuse'

export interface CuttingProxy {
  readonly url: string
  /** What happens to connections, one after the other; the last goes on for ever. */
  plan: Cut[]
  close(): Promise<void>
}

/** A network that fails when a test says so, in front of a real server on loopback. */
export async function startCuttingProxy(targetPort: number, plan: readonly Cut[] = ['pass']): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    keep(client)
    const cut = (proxy.plan.length > 1 ? proxy.plan.shift() : proxy.plan[0]) ?? 'pass'
    if (cut === 'refuse') return void client.destroy()
    if (cut === 'hang') return void client.resume()
    const target = connect(targetPort, '127.0.0.1')
    keep(target)
    client.pipe(target)
    if (cut === 'pass') target.pipe(client)
    else target.once('data', () => client.destroy())
    client.on('close', () => target.destroy())
    target.on('close', () => client.destroy())
  })
  function keep(socket: Socket): void {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: CuttingProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    plan: [...plan],
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      return closed
    },
  }
  return proxy
}
