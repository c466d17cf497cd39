package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.drain.StreamState;
import java.util.function.Consumer;

/** A request at a replica, as the replica sees it. Called on any thread; must not block. */
public interface ServedRequest {

  /** Why a request should go elsewhere. */
  enum Leave {
    /** The replica's process is gone. */
    GONE,
    /** It says nothing any more; it may again. */
    SILENT,
    /** Its process lives and says that it has no such request. */
    LOST,
    /** It is to be emptied. */
    DRAINED
  }

  /** Asks it to go, if it can; a request whose replica is gone has to. */
  void leave(Leave why);

  /** Has it say how it stands, soon, on a thread of its own. */
  void tell(Consumer<StreamState> hearer);
}
