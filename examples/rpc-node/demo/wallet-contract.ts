/** What the demo asks of the customer's program. Apart, so that this type checks before viem is installed. */
export interface Wallet {
  readonly address: string
  latestBlock(): Promise<{ readonly number: number; readonly hash: string }>
  /** In ether, as text. */
  balanceOf(address: string): Promise<string>
  /** Signs and sends. @returns the transaction's hash */
  send(to: string, ether: string): Promise<string>
  /** Waits until it is mined. */
  receiptOf(hash: string): Promise<{ readonly status: string; readonly blockNumber: number; readonly gasUsed: number }>
  /** Two reads and a signed transaction in one HTTP request. */
  batch(): Promise<readonly PromiseSettledResult<unknown>[]>
  /** How the server refused a call: status and `WWW-Authenticate`. Null when it failed in another way. */
  refusalOf(error: unknown): { readonly status: number; readonly challenge: string } | null
}

export type OpenWallet = (url: string, key: string) => Wallet
