# openbook's server, for use behind a proxy that speaks HTTPS: docker build -t openbook . && docker compose up
FROM python:3.12-slim
RUN useradd --create-home --uid 10001 openbook
COPY openbook /src/openbook
RUN pip install --no-cache-dir "/src/openbook[server,postgres]" && rm -rf /src
USER openbook
WORKDIR /home/openbook
ENV OPENBOOK_CACHE=/home/openbook/cache
EXPOSE 8765
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8765/api/v1/openapi.json', timeout=3)"
ENTRYPOINT ["openbook"]
CMD ["serve", "--host", "0.0.0.0", "--behind-proxy", "--ledger", "sqlite:////home/openbook/ledger.db"]
