package dev.switchboard.gateway.fleet;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;
import java.util.function.Function;

/**
 * Which worker that is there becomes which of those that are wanted. One that is wanted as it is
 * stays so, wherever its group stands now. Of the others one goes on as what is most like it, but
 * for what it computes on: costs that were learned on a processor say nothing of a device. Pure.
 */
final class WorkerMatch {
  private static final List<BiPredicate<WorkerSpec, WorkerSpec>> LIKENESS =
      List.of(
          WorkerSpec::equals,
          (one, other) -> one.withFile(other.file()).equals(other),
          (one, other) -> sameDevice(one, other) && one.devices().equals(other.devices()),
          WorkerMatch::sameDevice);

  private WorkerMatch() {}

  private static boolean sameDevice(WorkerSpec one, WorkerSpec other) {
    return one.device().equals(other.device());
  }

  /**
   * Those that stay, with what they are to be.
   *
   * @param there those first that are rather kept
   */
  static <W> Map<W, WorkerSpec.Seat> kept(
      List<W> there, Function<W, WorkerSpec> spec, List<WorkerSpec.Seat> wanted) {
    Map<W, WorkerSpec.Seat> kept = new LinkedHashMap<>();
    List<WorkerSpec.Seat> free = new ArrayList<>(wanted);
    for (BiPredicate<WorkerSpec, WorkerSpec> alike : LIKENESS) {
      for (W each : there) {
        if (!kept.containsKey(each)) {
          free.stream()
              .filter(seat -> alike.test(spec.apply(each), seat.worker()))
              .findFirst()
              .ifPresent(
                  seat -> {
                    kept.put(each, seat);
                    free.remove(seat);
                  });
        }
      }
    }
    return kept;
  }

  /** Those of the wanted ones that nobody becomes. */
  static List<WorkerSpec.Seat> missing(List<WorkerSpec.Seat> wanted, Map<?, WorkerSpec.Seat> kept) {
    List<WorkerSpec.Seat> missing = new ArrayList<>(wanted);
    kept.values().forEach(missing::remove);
    return missing;
  }
}
