package dev.switchboard.worker;

import dev.switchboard.descriptors.OpenFiles;
import dev.switchboard.openai.RequestLimits;
import java.time.Duration;

/**
 * How a worker serves.
 *
 * @param id the replica's name in answers and logs
 * @param bind address to listen on; port 0 takes a free one
 * @param requests bounds of a request body
 * @param headerBytes all header fields of a request; more is answered 431
 * @param uriBytes the request line; more is answered 414
 * @param connections open at once; more are closed unread
 * @param headerTimeout from connecting to the end of the first request's header
 * @param bodyTimeout from the header to the end of the body
 * @param idleTimeout between two requests of a connection
 * @param writeStall how long a client may leave a full socket unread
 * @param streamBufferBytes generated and not yet written, per request; a reader further behind is
 *     cut off
 * @param drainLimit how long termination waits for running requests
 * @param canaryTimeout until a rank that does not answer a canary counts as not answering
 * @param timelines finished requests whose timelines are kept, and timelineBytes their memory
 * @param offLoopBytes a body larger than this is parsed, rendered and tokenized off the event loop
 * @param bodyRoomBytes of the heap that bodies may take together until they are prepared
 * @param vectorBytes of the heap that requests for vectors may take together
 * @param allowFaultInjection whether {@code POST /engine/v1/faults} works
 */
record WorkerSettings(
    String id,
    String bind,
    int port,
    RequestLimits requests,
    int headerBytes,
    int uriBytes,
    int connections,
    Duration headerTimeout,
    Duration bodyTimeout,
    Duration idleTimeout,
    Duration writeStall,
    int streamBufferBytes,
    Duration drainLimit,
    Duration canaryTimeout,
    int timelines,
    long timelineBytes,
    int offLoopBytes,
    long bodyRoomBytes,
    long vectorBytes,
    boolean allowFaultInjection) {

  /** The model's parts, ranks' channels, connections that are closed unread. */
  private static final int FILES_OF_OTHERS = 128;

  static WorkerSettings defaults(String id, String bind, int port) {
    return new WorkerSettings(
        id,
        bind,
        port,
        RequestLimits.DEFAULT,
        16 << 10,
        8 << 10,
        4096,
        Duration.ofSeconds(10),
        Duration.ofSeconds(30),
        Duration.ofSeconds(75),
        Duration.ofSeconds(30),
        1 << 20,
        Duration.ofSeconds(20),
        Duration.ofSeconds(2),
        1024,
        32L << 20,
        16 << 10,
        JavaMemory.bodyBytes(Runtime.getRuntime().maxMemory()),
        JavaMemory.vectorBytes(Runtime.getRuntime().maxMemory()),
        false);
  }

  /** The same with no more connections than there may be open files, some kept for others. */
  WorkerSettings within(OpenFiles files) {
    return new WorkerSettings(
        id,
        bind,
        port,
        requests,
        headerBytes,
        uriBytes,
        Math.clamp(files.room(FILES_OF_OTHERS), 1, connections),
        headerTimeout,
        bodyTimeout,
        idleTimeout,
        writeStall,
        streamBufferBytes,
        drainLimit,
        canaryTimeout,
        timelines,
        timelineBytes,
        offLoopBytes,
        bodyRoomBytes,
        vectorBytes,
        allowFaultInjection);
  }

  /** The same with another drain limit, and fault injection on or off. */
  WorkerSettings with(Duration newDrainLimit, Duration newCanaryTimeout, boolean allowed) {
    return new WorkerSettings(
        id,
        bind,
        port,
        requests,
        headerBytes,
        uriBytes,
        connections,
        headerTimeout,
        bodyTimeout,
        idleTimeout,
        writeStall,
        streamBufferBytes,
        newDrainLimit,
        newCanaryTimeout,
        timelines,
        timelineBytes,
        offLoopBytes,
        bodyRoomBytes,
        vectorBytes,
        allowed);
  }
}
