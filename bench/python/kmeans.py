"""Times k-means of scikit-learn: the other side of `src/kmeans/worker.ts`.

The frames are a float32 `.npy` file, mapped into memory or read whole.
"""

import argparse
import time
import warnings

from protocol import decline, peak_rss_bytes, serve

try:
    import numpy as np
    import sklearn
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.cluster._k_means_lloyd import lloyd_iter_chunked_dense
    from threadpoolctl import threadpool_limits
except ImportError as error:
    decline(f"{error}. Install scikit-learn in that environment.")


class Work:
    def __init__(self, args):
        self.threads, self.batch = args.threads, args.batch
        self.frames = np.load(args.frames, mmap_mode=None if args.in_memory else "r")
        self.init = np.load(args.init)

    def iteration(self):
        """The inner loop of `KMeans`, without what it does before and after: labels, sums and new centroids."""
        clusters, count = len(self.init), len(self.frames)
        moved = np.zeros_like(self.init)
        weights = np.zeros(clusters, np.float32)
        labels = np.full(count, -1, np.int32)
        shift = np.zeros(clusters, np.float32)
        samples = np.ones(count, np.float32)
        # As `KMeans` does: it runs its own threads around a BLAS of one.
        with threadpool_limits(1, user_api="blas"):
            start = time.perf_counter()
            lloyd_iter_chunked_dense(self.frames, samples, self.init, moved, weights, labels, shift, self.threads)
            return time.perf_counter() - start, moved

    def fit(self):
        """One iteration by the public interface, with the inertia of its result."""
        model = KMeans(len(self.init), init=self.init, n_init=1, max_iter=1, tol=0, algorithm="lloyd")
        start = time.perf_counter()
        model.fit(self.frames)
        return time.perf_counter() - start, model.cluster_centers_

    def minibatch(self):
        """One pass in batches, in the file's order."""
        model = MiniBatchKMeans(len(self.init), init=self.init, n_init=1, batch_size=self.batch, reassignment_ratio=0)
        start = time.perf_counter()
        for first in range(0, len(self.frames), self.batch):
            model.partial_fit(self.frames[first : first + self.batch])
        return time.perf_counter() - start, model.cluster_centers_


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", required=True)
    parser.add_argument("--init", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--in-memory", action="store_true")
    args = parser.parse_args()
    work = Work(args)
    tasks = {"iteration": work.iteration, "fit": work.fit, "minibatch": work.minibatch}

    def answer(request):
        seconds, centroids = tasks[request["task"]]()
        return {
            "seconds": seconds,
            "checksum": float(np.abs(centroids.astype(np.float64)).mean()),
            "peakRssBytes": peak_rss_bytes(),
        }

    warnings.filterwarnings("ignore", category=sklearn.exceptions.ConvergenceWarning)
    serve({"name": f"scikit-learn {sklearn.__version__}", "threads": args.threads}, answer)


if __name__ == "__main__":
    main()
