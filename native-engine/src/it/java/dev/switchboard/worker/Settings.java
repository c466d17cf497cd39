package dev.switchboard.worker;

import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.util.Arrays;

/** Settings that differ from the defaults in what a test is about. */
final class Settings {
  private Settings() {}

  static WorkerSettings offLoop(WorkerSettings s, int bytes) {
    return with(s, "offLoopBytes", bytes);
  }

  static WorkerSettings slowReader(WorkerSettings s, int bufferBytes, Duration stall) {
    return with(with(s, "streamBufferBytes", bufferBytes), "writeStall", stall);
  }

  static WorkerSettings drainLimit(WorkerSettings s, Duration limit) {
    return with(s, "drainLimit", limit);
  }

  static WorkerSettings headerTimeout(WorkerSettings s, Duration limit) {
    return with(s, "headerTimeout", limit);
  }

  static WorkerSettings bodyTimeout(WorkerSettings s, Duration limit) {
    return with(s, "bodyTimeout", limit);
  }

  static WorkerSettings bodyRoom(WorkerSettings s, long bytes) {
    return with(s, "bodyRoomBytes", bytes);
  }

  static WorkerSettings canaryTimeout(WorkerSettings s, Duration limit) {
    return with(s, "canaryTimeout", limit);
  }

  static WorkerSettings vectorBytes(WorkerSettings s, long bytes) {
    return with(s, "vectorBytes", bytes);
  }

  /** The same but for one, by its name. */
  private static WorkerSettings with(WorkerSettings s, String name, Object value) {
    RecordComponent[] all = WorkerSettings.class.getRecordComponents();
    Object[] values = new Object[all.length];
    boolean there = false;
    try {
      for (int i = 0; i < all.length; i++) {
        boolean named = all[i].getName().equals(name);
        values[i] = named ? value : all[i].getAccessor().invoke(s);
        there |= named;
      }
      Class<?>[] types = Arrays.stream(all).map(RecordComponent::getType).toArray(Class<?>[]::new);
      if (there) {
        return WorkerSettings.class.getDeclaredConstructor(types).newInstance(values);
      }
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("WorkerSettings", e);
    }
    throw new AssertionError("there is no setting " + name);
  }
}
