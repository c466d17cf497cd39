package dev.switchboard.gateway.discovery;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What discovery knows and how fresh that is.
 *
 * @param apiServer empty where nothing is asked
 * @param watches one for each kind of object that is watched
 * @param models one for each source of the configuration
 * @param patched deletion costs that were set
 * @param patchesFailed and those that the API server did not take
 */
public record DiscoveryStatus(
    String apiServer,
    String namespace,
    List<Watch> watches,
    List<Model> models,
    long patched,
    long patchesFailed) {
  /** Where nothing is watched. */
  public static final DiscoveryStatus NONE =
      new DiscoveryStatus("", "", List.of(), List.of(), 0, 0);

  /** Where the present one comes from; on any thread. */
  public interface Source extends Supplier<DiscoveryStatus> {}

  /** Where a watch is. */
  public enum State {
    /** Everything is asked for. */
    LISTING,
    /** Changes come in. */
    WATCHING,
    /** It failed, and waits to try again; what was known last holds. */
    WAITING
  }

  /** Why a watch did not go on. */
  public enum Trouble {
    GONE,
    THROTTLED,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    UNREACHABLE,
    REFUSED,
    SILENT,
    MALFORMED,
    TOO_LARGE,
    STALE_LIST;

    /** As metrics and the admin API have it. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * One kind of object that is watched.
   *
   * @param name kind, namespace, and name or selector
   * @param revision up to which it is known; empty before the first list
   * @param objects that are known
   * @param sinceMs epoch milliseconds when it was begun
   * @param heardMs epoch milliseconds when the API server last said anything of it: a list, an
   *     event or a bookmark; 0 for never
   * @param listedMs when everything was last listed; 0 for never
   * @param eventMs when something last changed; 0 for never
   * @param failures how often it did not go on, by why
   * @param failure last, in words; null for none
   * @param failedMs when that was; 0 for never
   */
  public record Watch(
      String name,
      State state,
      String revision,
      int objects,
      long events,
      long sinceMs,
      long heardMs,
      long listedMs,
      long eventMs,
      Map<Trouble, Long> failures,
      @Nullable String failure,
      long failedMs) {

    /** For how long nothing was heard of it. */
    public long ageMs(long nowMs) {
      return Math.max(0, nowMs - Math.max(heardMs, sinceMs));
    }
  }

  /**
   * What a source of the configuration found.
   *
   * @param source kind and name
   * @param trouble what keeps it from finding anything; null for nothing
   */
  public record Model(
      String model,
      String namespace,
      String source,
      int ready,
      int unready,
      int terminating,
      @Nullable String trouble) {}
}
