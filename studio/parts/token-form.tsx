import { useState } from 'preact/hooks';
import { apiUrl, ask, Refusal, reasonOf } from '../base/api.js';
import { connect } from '../base/studio.js';
import { Fault } from './blocks.js';

/** Exchanges the service's token for a session cookie, which no script can read. */
export function TokenForm() {
  const [token, setToken] = useState('');
  const [fault, setFault] = useState<string>();
  const enter = async () => {
    setFault(undefined);
    try {
      await ask(apiUrl('session'), { method: 'POST', headers: { Authorization: `Bearer ${token.trim()}` } });
      await connect();
    } catch (error) {
      const isWrong = error instanceof Refusal && error.status === 401;
      setFault(isWrong ? 'Wrong token.' : reasonOf(error));
    }
  };
  return (
    <form
      class="card token"
      onSubmit={event => {
        event.preventDefault();
        void enter();
      }}
    >
      <h1>This service needs a token</h1>
      <label class="field">
        <span>Token</span>
        <input
          type="password"
          required
          autocomplete="current-password"
          value={token}
          onInput={event => setToken(event.currentTarget.value)}
        />
      </label>
      {fault !== undefined && <Fault reason={fault} />}
      <p>
        <button type="submit" class="main">
          Enter
        </button>
      </p>
    </form>
  );
}
