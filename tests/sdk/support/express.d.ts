/** The little of Express that the tests use: it comes without types of its own. */
declare module 'express' {
  import type { IncomingMessage, Server, ServerResponse } from 'node:http'

  interface Request extends IncomingMessage {
    readonly path: string
  }
  interface Response extends ServerResponse {
    json(value: unknown): void
  }
  type Handler = (request: Request & Express.Request, response: Response, next: (error?: unknown) => void) => void
  export type ErrorHandler = (error: unknown, request: Request, response: Response, next: (error?: unknown) => void) => void
  interface Application {
    use(handler: Handler): void
    use(handler: ErrorHandler): void
    all(path: string, ...handlers: readonly Handler[]): void
    listen(port: number, host: string): Server
  }
  export default function express(): Application
}
