/** What is known of where a request comes from. */
export interface From {
  /** Who asks, such as an IP address. */
  readonly client?: string | undefined;
  /** Whether bodies are as long as their Content-Length says. */
  readonly exactLength?: boolean | undefined;
}

/** The environment of the service's routes. */
export type Env = { readonly Bindings: From };
