"""Package metadata; also what `--setup_file ./setup.py` ships to remote workers."""

from pathlib import Path

from setuptools import find_packages, setup

RUNTIME = [
    "apache-beam>=2.77,<2.78",
    "graspologic-native>=1.3,<2",
    "jinja2>=3.1,<4",
    "networkx>=3.4,<4",
    "orjson>=3.10,<4",
    "phonenumbers>=9.0.30,<10",
    "pyarrow>=23,<26",
    "rich>=14,<16",
    "schwifty>=2026.1",
    "scipy>=1.14,<2",
    "tldextract>=5.3,<6",
    "xxhash>=3.5,<5",
]
DEVELOPMENT = [
    "hypothesis>=6.150,<7",
    "import-linter>=2.5,<3",
    "jsonschema>=4.23,<5",
    "mypy>=2.0,<3",
    "pytest>=9.0,<10",
    "pytest-xdist>=3.8,<4",
    "ruff==0.17.*",
]

setup(
    name="ringtrace",
    version="0.1.0",
    description="Clusters impersonation-scam infrastructure for joint criminal referrals",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["schemas*", "transforms*", "reports*", "pipelines*"]),
    package_data={
        "transforms": ["data/*.csv", "data/*.toml"],
        "reports": ["templates/*.html", "templates/*.css"],
    },
    install_requires=RUNTIME,
    extras_require={"dev": DEVELOPMENT, "gcp": ["apache-beam[gcp]>=2.77,<2.78"]},
    entry_points={"console_scripts": ["ringtrace=pipelines.cli:main"]},
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
    ],
)
