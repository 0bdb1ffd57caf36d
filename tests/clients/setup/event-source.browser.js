/** Every event of a run, as AG-UI encodes it. The browser comes back by itself, behind the last that it saw, until the run has ended. */
window.followRun = (runId, onEvent, onEnd) => {
  const source = new window.EventSource(`/runs/${runId}/events`);
  source.onmessage = ({ data }) => onEvent(JSON.parse(data));
  // Told that there is no more (204), it does not come back.
  source.onerror = () => {
    if (source.readyState === window.EventSource.CLOSED) onEnd();
  };
};
