package dev.switchboard.gateway.autoscaling;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.admission.AdmissionQueue;

/**
 * What one gateway has of one model, as it tells those that it shares a store or a Valkey with.
 *
 * @param running places that its requests hold
 * @param peopleRunning of them those that requests of people hold
 * @param people requests that wait in its queue and are no batches
 * @param waiting all that wait there
 * @param offeredTokens of people's requests that ever came, estimated
 * @param queuedTokens of people's requests that wait
 * @param batchTokens of batches that wait
 * @param placeTokens that a place serves in a second; 0 while unknown
 * @param workers that it runs itself, and that take requests, or will
 * @param readyWorkers of them that take requests now
 * @param standby of them that stand by
 */
record ModelLoad(
    int running,
    int peopleRunning,
    int people,
    int waiting,
    double offeredTokens,
    double queuedTokens,
    double batchTokens,
    double placeTokens,
    int workers,
    int readyWorkers,
    int standby) {
  private static final double MOST = 1e15;
  private static final int MOST_COUNT = 10_000_000;

  static ModelLoad of(AdmissionQueue.Snapshot queue, int workers, int readyWorkers, int standby) {
    return new ModelLoad(
        queue.running(),
        queue.peopleRunning(),
        queue.people(),
        queue.waiting().values().stream().mapToInt(Integer::intValue).sum(),
        queue.tokens().offered(),
        queue.tokens().people(),
        queue.tokens().batches(),
        queue.tokens().perPlaceSecond(),
        workers,
        readyWorkers,
        standby);
  }

  int work() {
    return running + waiting;
  }

  void write(ObjectNode to) {
    to.put("r", running).put("h", peopleRunning).put("p", people).put("w", waiting);
    to.put("o", Math.round(offeredTokens)).put("q", Math.round(queuedTokens));
    to.put("b", Math.round(batchTokens)).put("s", placeTokens);
    to.put("n", workers).put("y", readyWorkers).put("z", standby);
  }

  /** What stands there may be anything: numbers are brought into range. */
  static ModelLoad read(JsonNode from) {
    return new ModelLoad(
        count(from, "r"),
        count(from, "h"),
        count(from, "p"),
        count(from, "w"),
        number(from, "o"),
        number(from, "q"),
        number(from, "b"),
        number(from, "s"),
        count(from, "n"),
        count(from, "y"),
        count(from, "z"));
  }

  private static int count(JsonNode from, String name) {
    return Math.clamp(from.path(name).asLong(0), 0, MOST_COUNT);
  }

  private static double number(JsonNode from, String name) {
    double value = from.path(name).asDouble(0);
    return Double.isFinite(value) ? Math.clamp(value, 0, MOST) : 0;
  }
}
