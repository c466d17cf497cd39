package dev.switchboard.gateway.kubernetes;

import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The objects of one watch, as the API server last told them.
 *
 * <p>Revisions only rise. What is told of an object is taken unless something newer is known of it,
 * so events that come twice, late or in another order do no harm; what is older than the last list
 * was in it, or gone before it. A list stands for everything, so it is looked at twice: one that is
 * older than what was seen is refused for as long as {@link #OLDER_NANOS}, after which it is taken
 * for a server that was set back; one that lacks more than half of what is known is taken when a
 * second one, a moment later, lacks it too.
 *
 * <p>Pure: the time comes in. Not safe for several threads.
 */
final class ObjectCache<T extends ApiObjects.Watched> {
  /** A server that only knows less than before for so long was restored from a backup. */
  static final long OLDER_NANOS = 300_000_000_000L;

  /** Between two lists that both lack most of what is known. */
  static final long CONFIRM_NANOS = 2_000_000_000L;

  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,18}");

  /** So many objects may be deleted between two lists, and a late word of each be known as such. */
  private static final int MOST_DELETED = 4096;

  /** What became of a list. */
  enum Verdict {
    TAKEN,
    /** It is older than what was seen. */
    OLDER,
    /** It lacks too much to be believed at once. */
    DOUBTED
  }

  private final Map<String, T> objects = new LinkedHashMap<>();
  private final Map<String, Long> deleted =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
          return size() > MOST_DELETED;
        }
      };
  private long revision;
  private long listedRevision;
  private boolean listed;
  private long olderSinceNanos;
  private long doubtedNanos;

  /** Everything that is known. */
  Collection<T> objects() {
    return objects.values();
  }

  /** The one of a namespace and name, with a slash between; null for none. */
  @Nullable T get(String key) {
    return objects.get(key);
  }

  int size() {
    return objects.size();
  }

  /** Up to which everything is known; 0 before the first list. */
  long revision() {
    return revision;
  }

  /** Takes a list of everything, or does not believe it. */
  Verdict replace(List<T> items, long at, long nowNanos) {
    if (listed && at < revision) {
      olderSinceNanos = olderSinceNanos == 0 ? nowNanos : olderSinceNanos;
      if (nowNanos - olderSinceNanos < OLDER_NANOS) {
        return Verdict.OLDER;
      }
    }
    if (listed && lacksMost(items)) {
      if (doubtedNanos == 0 || nowNanos - doubtedNanos < CONFIRM_NANOS) {
        doubtedNanos = doubtedNanos == 0 ? nowNanos : doubtedNanos;
        return Verdict.DOUBTED;
      }
    }
    olderSinceNanos = 0;
    doubtedNanos = 0;
    listed = true;
    revision = at;
    listedRevision = at;
    objects.clear();
    deleted.clear();
    items.forEach(item -> objects.put(key(item), item));
    return Verdict.TAKEN;
  }

  private boolean lacksMost(List<T> items) {
    int known = objects.values().stream().mapToInt(ApiObjects.Watched::weight).sum();
    Map<String, T> now = new HashMap<>();
    items.forEach(item -> now.put(key(item), item));
    int kept = 0;
    for (Map.Entry<String, T> each : objects.entrySet()) {
      T same = now.get(each.getKey());
      kept += same == null ? 0 : Math.min(same.weight(), each.getValue().weight());
    }
    return known > 1 && 2 * kept < known;
  }

  /**
   * Takes a change.
   *
   * @return whether anything is otherwise now
   */
  boolean put(T object) {
    String key = key(object);
    long at = revision(object);
    T known = objects.get(key);
    long least = Math.max(listedRevision, deleted.getOrDefault(key, 0L));
    if (at <= least || (known != null && at <= revision(known))) {
      return false;
    }
    deleted.remove(key);
    revision = Math.max(revision, at);
    objects.put(key, object);
    return true;
  }

  /**
   * Takes that an object is gone.
   *
   * @return whether anything is otherwise now
   */
  boolean delete(T object) {
    String key = key(object);
    long at = revision(object);
    T known = objects.get(key);
    if (at <= listedRevision || (known != null && at < revision(known))) {
      return false;
    }
    deleted.merge(key, at, Math::max);
    revision = Math.max(revision, at);
    return objects.remove(key) != null;
  }

  /** Nothing happened up to this revision. */
  void reached(long at) {
    revision = Math.max(revision, at);
  }

  private static String key(ApiObjects.Watched object) {
    ApiObjects.Meta meta = object.metadata();
    return meta == null ? "" : meta.key();
  }

  /** 0 for what is no number, which no server sends: such an object changes with a list only. */
  private static long revision(ApiObjects.Watched object) {
    ApiObjects.Meta meta = object.metadata();
    return number(meta == null || meta.resourceVersion() == null ? "" : meta.resourceVersion());
  }

  /** A revision as a number, by which Kubernetes lets them be compared. */
  static long number(String revision) {
    return NUMBER.matcher(revision).matches() ? Long.parseLong(revision) : 0;
  }
}
