// How long the first visit waits for its service worker, which fetches about 400 kB; without it the page works, but not offline.
const WAIT_MS = 15_000;
const RELOADED = 'eyeball reloaded';

/**
 * Lets the service worker handle this page's requests, so that files are cached for the next visit. If the page is not yet isolated from other
 * origins, which threads require, it is reloaded through the service worker, and this never returns.
 *
 * @param onUpdate Called once a newer export has taken over.
 * @param isInUse Whether a reload would lose something; then the page continues with one thread.
 */
export async function useServiceWorker(onUpdate: () => void, isInUse: () => boolean): Promise<void> {
  const { serviceWorker } = navigator;
  // Before any await, since a newer export can take over at any time in a later visit.
  if (serviceWorker?.controller) serviceWorker.addEventListener('controllerchange', onUpdate);
  // Absent in some private windows; registering may be refused by settings of the browser.
  const registration = await serviceWorker?.register('sw.js', { updateViaCache: 'none' }).catch(() => undefined);
  if (registration === undefined) return;
  if (serviceWorker.controller === null) {
    // A forced reload bypasses the service worker on purpose, so it never takes control.
    if (registration.active?.state === 'activated') return;
    await takeOver(serviceWorker, registration);
    if (serviceWorker.controller === null) return;
    serviceWorker.addEventListener('controllerchange', onUpdate);
  }
  if (!globalThis.crossOriginIsolated && sessionStorage.getItem(RELOADED) === null && !isInUse()) {
    sessionStorage.setItem(RELOADED, 'once');
    location.reload();
    await new Promise(() => {});
  }
  sessionStorage.removeItem(RELOADED);
}

function takeOver(serviceWorker: ServiceWorkerContainer, { installing }: ServiceWorkerRegistration): Promise<unknown> {
  const taken = new Promise(resolve => serviceWorker.addEventListener('controllerchange', resolve, { once: true }));
  // A worker that cannot be installed because a file is missing or changed never takes control.
  const failed = new Promise<void>(resolve =>
    installing?.addEventListener('statechange', () => installing.state === 'redundant' && resolve()),
  );
  return Promise.race([taken, failed, new Promise(resolve => setTimeout(resolve, WAIT_MS))]);
}

/** Whether all these files are cached; waits for those that are being cached. */
export async function areKept(files: readonly string[]): Promise<boolean> {
  const controller = navigator.serviceWorker?.controller;
  if (!controller) return false;
  return await new Promise(resolve => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data as boolean);
    controller.postMessage(files, [port2]);
  });
}
