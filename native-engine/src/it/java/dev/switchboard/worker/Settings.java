package dev.switchboard.worker;

import java.time.Duration;

/** Settings that differ from the defaults in what a test is about. */
final class Settings {
  private Settings() {}

  static WorkerSettings offLoop(WorkerSettings s, int bytes) {
    return with(
        s, s.streamBufferBytes(), s.writeStall(), s.headerTimeout(), bytes, s.canaryTimeout());
  }

  static WorkerSettings slowReader(WorkerSettings s, int bufferBytes, Duration stall) {
    return with(s, bufferBytes, stall, s.headerTimeout(), s.offLoopBytes(), s.canaryTimeout());
  }

  static WorkerSettings drainLimit(WorkerSettings s, Duration limit) {
    return s.with(limit, s.allowFaultInjection());
  }

  static WorkerSettings headerTimeout(WorkerSettings s, Duration limit) {
    return with(
        s, s.streamBufferBytes(), s.writeStall(), limit, s.offLoopBytes(), s.canaryTimeout());
  }

  static WorkerSettings bodyTimeout(WorkerSettings s, Duration limit) {
    return new WorkerSettings(
        s.id(),
        s.bind(),
        s.port(),
        s.requests(),
        s.headerBytes(),
        s.uriBytes(),
        s.connections(),
        s.headerTimeout(),
        limit,
        s.idleTimeout(),
        s.writeStall(),
        s.streamBufferBytes(),
        s.drainLimit(),
        s.canaryTimeout(),
        s.timelines(),
        s.timelineBytes(),
        s.offLoopBytes(),
        s.bodyRoomBytes(),
        s.vectorBytes(),
        s.allowFaultInjection());
  }

  static WorkerSettings bodyRoom(WorkerSettings s, long bytes) {
    return new WorkerSettings(
        s.id(),
        s.bind(),
        s.port(),
        s.requests(),
        s.headerBytes(),
        s.uriBytes(),
        s.connections(),
        s.headerTimeout(),
        s.bodyTimeout(),
        s.idleTimeout(),
        s.writeStall(),
        s.streamBufferBytes(),
        s.drainLimit(),
        s.canaryTimeout(),
        s.timelines(),
        s.timelineBytes(),
        s.offLoopBytes(),
        bytes,
        s.vectorBytes(),
        s.allowFaultInjection());
  }

  static WorkerSettings canaryTimeout(WorkerSettings s, Duration limit) {
    return with(
        s, s.streamBufferBytes(), s.writeStall(), s.headerTimeout(), s.offLoopBytes(), limit);
  }

  static WorkerSettings vectorBytes(WorkerSettings s, long bytes) {
    return with(
        s,
        s.streamBufferBytes(),
        s.writeStall(),
        s.headerTimeout(),
        s.offLoopBytes(),
        s.canaryTimeout(),
        bytes);
  }

  private static WorkerSettings with(
      WorkerSettings s,
      int bufferBytes,
      Duration stall,
      Duration headerTimeout,
      int offLoopBytes,
      Duration canaryTimeout) {
    return with(s, bufferBytes, stall, headerTimeout, offLoopBytes, canaryTimeout, s.vectorBytes());
  }

  private static WorkerSettings with(
      WorkerSettings s,
      int bufferBytes,
      Duration stall,
      Duration headerTimeout,
      int offLoopBytes,
      Duration canaryTimeout,
      long vectorBytes) {
    return new WorkerSettings(
        s.id(),
        s.bind(),
        s.port(),
        s.requests(),
        s.headerBytes(),
        s.uriBytes(),
        s.connections(),
        headerTimeout,
        s.bodyTimeout(),
        s.idleTimeout(),
        stall,
        bufferBytes,
        s.drainLimit(),
        canaryTimeout,
        s.timelines(),
        s.timelineBytes(),
        offLoopBytes,
        s.bodyRoomBytes(),
        vectorBytes,
        s.allowFaultInjection());
  }
}
