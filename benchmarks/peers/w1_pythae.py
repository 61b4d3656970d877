"""W1 in pythae: its default multilayer VAE (784-512-20, ReLU, BCE) under its own `BaseTrainer`.

pythae's data set holds floats, so its images are converted before the clock starts: a favour to the peer.
"""

import logging
import tempfile
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import torch  # noqa: E402
from pythae.data.datasets import BaseDataset  # noqa: E402
from pythae.models import VAE, VAEConfig  # noqa: E402
from pythae.trainers import BaseTrainer, BaseTrainerConfig  # noqa: E402

from benchmarks._clock import num_cores, serve  # noqa: E402
from benchmarks._data import mnist  # noqa: E402

BATCH_SIZE, LATENT_DIM = 100, 20


def main() -> None:
    torch.set_num_threads(num_cores())
    torch.manual_seed(0)
    images = torch.from_numpy(mnist()).float().reshape(-1, 1, 28, 28) / 255
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT_DIM, reconstruction_loss="bce")
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            model=VAE(config),
            train_dataset=BaseDataset(images, torch.zeros(len(images))),
            eval_dataset=None,
            training_config=BaseTrainerConfig(
                output_dir=folder,
                num_epochs=1,
                per_device_train_batch_size=BATCH_SIZE,
                per_device_eval_batch_size=BATCH_SIZE,
                learning_rate=1e-3,
                no_cuda=True,
                optimizer_cls="Adam",
            ),
        )
        trainer.prepare_training()
        epochs_done = 0

        def epoch() -> dict[str, float]:
            nonlocal epochs_done
            epochs_done += 1
            return {"loss": float(trainer.train_step(epochs_done))}

        serve(epoch)


if __name__ == "__main__":
    main()
