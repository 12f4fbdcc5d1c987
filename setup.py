"Reads settings.ini, the single source of name, version and requirements."

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

config = ConfigParser(delimiters=["="], interpolation=None)
config.read(Path(__file__).parent / "settings.ini", encoding="utf-8")
project = config["DEFAULT"]
extras = {
    group: project[f"{group}_requirements"].split()
    for group in ("train", "tune", "postgres", "redis", "spark", "otlp", "lab", "dev")
}

setup(
    name=project["lib_name"],
    version=project["version"],
    description=project["description"],
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=project["author"],
    author_email=project["author_email"],
    url=project["git_url"],
    license="Apache-2.0",
    python_requires=f">={project['min_python']}",
    packages=find_packages(include=["flight_delay", "flight_delay.*"]),
    package_data={"flight_delay.serving": ["page/*", "swagger/*"]},
    install_requires=project["requirements"].split(),
    extras_require=extras,
    entry_points={"console_scripts": project["console_scripts"].split(), "nbdev": ["flight_delay=flight_delay._modidx:d"]},
)
