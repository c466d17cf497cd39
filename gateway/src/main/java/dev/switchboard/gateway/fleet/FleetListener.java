package dev.switchboard.gateway.fleet;

/** Told what happens to workers, on the fleet's thread; must not block. */
public interface FleetListener {
  void workerLoading(String replica, long doneBytes, long totalBytes);

  void workerReady(String replica, String model, double seconds);

  void workerRestarting(String replica, String reason, long waitMs);

  /** It cannot be started, or exits too often; the reason says whether it is tried again. */
  void workerFailed(String replica, String reason);

  /** One that is not ready fails its questions, for another reason than before. */
  default void notReady(String replica, String reason) {}
}
