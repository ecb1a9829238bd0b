// How long the first visit waits for its service worker, which fetches some 400 kB; without one the page works too, but not offline.
const WAIT_MS = 15_000;
const RELOADED = 'eyeball reloaded';

/**
 * Has the service worker answer this page's requests, so that what it fetches is kept for the next visit. Where the page is not yet isolated
 * from other origins, which threads need, it is loaded again through the service worker, and this never returns.
 *
 * @param onUpdate Called once a newer export has taken over.
 * @param isInUse Whether something would be lost if the page were loaded again; then it goes on with one thread.
 */
export async function useServiceWorker(onUpdate: () => void, isInUse: () => boolean): Promise<void> {
  const { serviceWorker } = navigator;
  // Before anything is waited for: a newer export may take over at any moment of a later visit.
  if (serviceWorker?.controller) serviceWorker.addEventListener('controllerchange', onUpdate);
  // Absent in some private windows; registering may be refused by settings of the browser.
  const registration = await serviceWorker?.register('sw.js', { updateViaCache: 'none' }).catch(() => undefined);
  if (registration === undefined) return;
  if (serviceWorker.controller === null) {
    // A forced reload goes past the service worker, on purpose: then nobody will take over.
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
  // One that cannot be installed, for a file is missing or another one, never takes over.
  const failed = new Promise<void>(resolve =>
    installing?.addEventListener('statechange', () => installing.state === 'redundant' && resolve()),
  );
  return Promise.race([taken, failed, new Promise(resolve => setTimeout(resolve, WAIT_MS))]);
}

/** Whether all these files would be there without a network; waits for those that are just being kept. */
export async function areKept(files: readonly string[]): Promise<boolean> {
  const controller = navigator.serviceWorker?.controller;
  if (!controller) return false;
  return await new Promise(resolve => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data as boolean);
    controller.postMessage(files, [port2]);
  });
}
